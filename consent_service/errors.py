"""Everything that can go wrong, as one tree; `api.http.problems` alone turns it into HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class ConsentServiceError(Exception):
    """The root: a stable `code` for machines and a `detail` for people, never personal data."""

    code = "internal_error"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True)
class FieldError:
    """One field that was refused: `pointer` is a JSON pointer (RFC 6901) into the body."""

    pointer: str
    detail: str


class Malformed(ConsentServiceError):
    """The bytes received are not the JSON this service reads."""

    code = "malformed_json"


class InvalidInput(ConsentServiceError):
    """The shape or a rule is broken; `errors` names each field."""

    code = "invalid_input"

    def __init__(self, errors: Sequence[FieldError], code: str | None = None) -> None:
        super().__init__("; ".join(f"{e.pointer or '/'}: {e.detail}" for e in errors))
        self.errors = tuple(errors)
        if code is not None:
            self.code = code

    @classmethod
    def field(cls, pointer: str, detail: str, code: str | None = None) -> "InvalidInput":
        """One broken field."""
        return cls([FieldError(pointer, detail)], code)


class Unauthenticated(ConsentServiceError):
    """Nobody we know is calling: no token, or one that does not verify."""

    code = "unauthenticated"


class InsufficientScope(ConsentServiceError):
    """The caller is known but lacks the scope that the route declares."""

    code = "insufficient_scope"


class NotAllowed(ConsentServiceError):
    """The caller is known and scoped, and still may not do this."""

    code = "not_allowed"


class UnknownOrganisation(NotAllowed):
    """The token's organisation is not registered here, or not yet."""


class LoginRequired(NotAllowed):
    """The caller's organisation wants this done by a login of its staff, not by a client."""

    code = "login_required"


class NotFound(ConsentServiceError):
    """There is no such thing, or the caller may not learn that there is."""

    code = "not_found"


class Conflict(ConsentServiceError):
    """The state of things forbids the act; `extra` holds public members for the answer."""

    code = "conflict"

    def __init__(self, code: str, detail: str, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.extra = dict(extra or {})


class Unavailable(ConsentServiceError):
    """The act may be tried again later; nothing was done."""

    code = "unavailable"
    retry_after_seconds = 1

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class TooManyAttempts(ConsentServiceError):
    """The attempt failed like many before it; what is right is still let in."""

    code = "too_many_requests"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("Too many attempts have failed: wait before the next.")
        self.retry_after_seconds = retry_after_seconds


class LimitReached(ConsentServiceError):
    """An organisation's own room is used up for now; nothing was done.

    `extra` holds public members for the answer.
    """

    code = "limit_reached"

    def __init__(self, detail: str, retry_after_seconds: int, extra: Mapping[str, Any]) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds
        self.extra = dict(extra)


class Misconfigured(ConsentServiceError):
    """The service refuses to start; the detail names the setting.

    `faults` are all that is wrong, a sentence each.
    """

    code = "misconfigured"

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Unreadable(ConsentServiceError):
    """Stored data cannot be decrypted or does not have its form: never a reason to permit.

    The detail names the place, for the operator; `public` is what callers are told.
    """

    code = "unreadable"
    public = "What is stored for this cannot be read. It has been reported to the operator."


class NotVouchedFor(Unreadable):
    """Stored data that no entry of the log vouches for: it is not used."""

    code = "not_vouched_for"
    public = "No entry of the log vouches for this, so it is not used; reported to the operator."


class ClientsNotVouchedFor(NotVouchedFor):
    """The set of clients is not as this service left it: nobody of them is let in.

    Every request meets it, so whoever finds it reports it, once in a while.
    """

    public = "Nothing vouches for who may call, so nobody is let in; reported to the operator."


class LogContradicted(Unreadable):
    """The database is not the one whose log was signed: nothing is decided or recorded on it."""

    code = "log_contradicted"
    public = "The log contradicts what was signed before. It has been reported to the operator."
