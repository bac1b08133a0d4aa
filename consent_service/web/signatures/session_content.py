"""What a browser's signing session holds: sealed at rest, named by a secret only the cookie has."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from consent_service.domain.kernel.cpr import parse_cpr
from consent_service.domain.kernel.facts import Scope
from consent_service.identity.signer_login import Asked, SignerLoginUnderWay
from consent_service.services.signatures.identity import Identity

MOST_LOGINS = 3
"""Logins that may be under way at once: one for each tab somebody forgot."""


@dataclass(frozen=True)
class Answer:
    """What a signer pressed before the login that is to carry it.

    `left_out` None is a no, or a no taken back where it `lifts`.
    """

    language: str
    left_out: Scope | None
    lifts: bool = False


@dataclass(frozen=True)
class PendingLogin:
    """A login under way, with the answer that it carries where it is not only a login."""

    login: SignerLoginUnderWay
    answer: Answer | None = None


@dataclass(frozen=True)
class SessionContent:
    """The chosen language, logins under way or who logged in, and what to say on the next page.

    `left_out` is what the signer had unticked, kept over a new login. `notice` is a code. `seen_at`
    is when a page was last asked for by who logged in, to the minute.
    """

    language: str | None = None
    logins: tuple[PendingLogin, ...] = ()
    identity: Identity | None = None
    left_out: Scope | None = None
    notice: str | None = None
    seen_at: datetime | None = None

    def with_login(self, begun: SignerLoginUnderWay, answer: Answer | None = None) -> Self:
        """With one more login under way; the oldest gives way to it."""
        # The address is only needed once, and is full of secrets.
        pending = PendingLogin(replace(begun, url=""), answer)
        kept = (*self.logins, pending)[-MOST_LOGINS:]
        return replace(self, logins=kept, notice=None)

    def without_login(self, state: str) -> tuple[Self, PendingLogin | None]:
        """The login under way with this state, taken out: it is used once."""
        found = next((one for one in self.logins if one.login.state == state), None)
        kept = tuple(login for login in self.logins if login is not found)
        return replace(self, logins=kept), found

    def to_bytes(self) -> bytes:
        """As JSON."""
        return json.dumps(
            {
                "language": self.language,
                "logins": [_login_json(login) for login in self.logins],
                "identity": _identity_json(self.identity) if self.identity else None,
                "left_out": _scope_json(self.left_out) if self.left_out else None,
                "notice": self.notice,
                "seen_at": self.seen_at and self.seen_at.isoformat(),
            }
        ).encode()

    @classmethod
    def from_bytes(cls, content: bytes | None) -> Self:
        """Read what `to_bytes` wrote; nothing yet is an empty session."""
        if content is None:
            return cls()
        members = json.loads(content)
        identity, left_out = members["identity"], members["left_out"]
        seen_at = members.get("seen_at")  # not in sessions that were opened before an upgrade
        return cls(
            language=members["language"],
            logins=tuple(_read_login(login) for login in members["logins"]),
            identity=_read_identity(identity) if identity else None,
            left_out=_read_scope(left_out) if left_out else None,
            notice=members["notice"],
            seen_at=datetime.fromisoformat(seen_at) if seen_at else None,
        )


def _login_json(pending: PendingLogin) -> dict[str, Any]:
    login, answer = pending.login, pending.answer
    left_out = answer.left_out if answer else None
    return {
        "login": {**asdict(login), "started_at": login.started_at.isoformat()},
        "answer": answer
        and {
            "language": answer.language,
            "left_out": left_out and _scope_json(left_out),
            "lifts": answer.lifts,
        },
    }


def _read_login(members: dict[str, Any]) -> PendingLogin:
    login, answer = members["login"], members["answer"]
    started_at = datetime.fromisoformat(login["started_at"])
    begun = SignerLoginUnderWay(
        **{**login, "started_at": started_at, "asked": Asked(**login["asked"])}
    )
    if answer is None:
        return PendingLogin(begun)
    left_out = answer["left_out"]
    lifts = answer.get("lifts", False)  # not in sessions that were opened before an upgrade
    kept = None if left_out is None else _read_scope(left_out)
    return PendingLogin(begun, Answer(answer["language"], kept, lifts))


def _identity_json(identity: Identity) -> dict[str, Any]:
    authenticated_at = identity.authenticated_at.isoformat()
    return {
        **asdict(identity),
        "cpr": identity.cpr.value,
        "authenticated_at": authenticated_at,
    }


def _read_identity(members: dict[str, Any]) -> Identity:
    authenticated_at = datetime.fromisoformat(members["authenticated_at"])
    cpr = parse_cpr(members["cpr"])
    return Identity(**{**members, "cpr": cpr, "authenticated_at": authenticated_at})


def _read_scope(left_out: list[list[str]]) -> Scope:
    return Scope(*(frozenset(names) for names in left_out))


def _scope_json(scope: Scope) -> list[list[str]]:
    return [sorted(scope.parties), sorted(scope.categories)]
