"""What a browser's signing session holds: sealed at rest, named by a secret only the cookie has."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from consent_service.domain.cpr import parse_cpr
from consent_service.domain.facts import Scope
from consent_service.identity.signer_login import LoginUnderWay
from consent_service.services.sign import Identity

MOST_LOGINS = 3
"""Logins that may be under way at once: one for each tab somebody forgot."""


@dataclass(frozen=True)
class SessionContent:
    """The chosen language, logins under way or who logged in, and what to say on the next page.

    `left_out` is what the signer had unticked, kept over a new login. `notice` is a code.
    """

    language: str | None = None
    logins: tuple[LoginUnderWay, ...] = ()
    identity: Identity | None = None
    left_out: Scope | None = None
    notice: str | None = None

    def with_login(self, under_way: LoginUnderWay) -> Self:
        """With one more login under way; the oldest gives way to it."""
        # The address is only needed once, and is full of secrets.
        kept = (*self.logins, replace(under_way, url=""))[-MOST_LOGINS:]
        return replace(self, logins=kept, notice=None)

    def without_login(self, state: str) -> tuple[Self, LoginUnderWay | None]:
        """The login under way with this state, taken out: it is used once."""
        found = next((login for login in self.logins if login.state == state), None)
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
            }
        ).encode()

    @classmethod
    def from_bytes(cls, content: bytes | None) -> Self:
        """Read what `to_bytes` wrote; nothing yet is an empty session."""
        if content is None:
            return cls()
        members = json.loads(content)
        identity, left_out = members["identity"], members["left_out"]
        return cls(
            language=members["language"],
            logins=tuple(_read_login(login) for login in members["logins"]),
            identity=_read_identity(identity) if identity else None,
            left_out=Scope(*(frozenset(names) for names in left_out)) if left_out else None,
            notice=members["notice"],
        )


def _login_json(login: LoginUnderWay) -> dict[str, Any]:
    return {**asdict(login), "started_at": login.started_at.isoformat()}


def _read_login(members: dict[str, Any]) -> LoginUnderWay:
    return LoginUnderWay(**{**members, "started_at": datetime.fromisoformat(members["started_at"])})


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


def _scope_json(scope: Scope) -> list[list[str]]:
    return [sorted(scope.parties), sorted(scope.categories)]
