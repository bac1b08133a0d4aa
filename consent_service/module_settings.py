"""Where the hardware module with the deployment's keys is: from the environment, no defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from consent_service.environment import Variables

_MODULE, _TOKEN, _PIN = "CONSENT_PKCS11_MODULE", "CONSENT_PKCS11_TOKEN", "CONSENT_PKCS11_PIN"
_PIN_FILE = "CONSENT_PKCS11_PIN_FILE"


@dataclass(frozen=True)
class ModuleSettings:
    """The PKCS #11 library to load, the label of the token, and the PIN of its user."""

    library: str
    token: str
    pin: str = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ModuleSettings | None":
        """The module, if there is one. Raises Misconfigured naming what is wrong or missing."""
        return Variables.read(environment, cls.read)

    @classmethod
    def read(cls, variables: Variables) -> "ModuleSettings | None":
        """The same, with what is wrong left in the variables."""
        given = [variables.text(name) for name in (_MODULE, _TOKEN, _PIN, _PIN_FILE)]
        with variables.judged(if_=any(given)):
            read = cls(variables.required(_MODULE), variables.required(_TOKEN), _pin(variables))
        return read if any(given) else None


def _pin(variables: Variables) -> str:
    pin, path = variables.text(_PIN), variables.text(_PIN_FILE)
    if pin and path:
        variables.refuse(_PIN, f"{_PIN} and {_PIN_FILE}: set one of them")
    elif path:
        pin = _first_line(variables, Path(path))
    if not pin:
        variables.refuse(_PIN, f"{_PIN} or {_PIN_FILE} is not set, or is empty")
    return pin or ""


def _first_line(variables: Variables, path: Path) -> str:
    refused = ""
    try:
        if path.stat().st_mode & 0o007:
            refused = f"{_PIN_FILE} is open to everybody: chmod 600"
        line = path.read_text().partition("\n")[0]
    except (OSError, ValueError):
        refused, line = f"{_PIN_FILE} cannot be read", ""
    if refused:
        # One thing is wrong: of the PIN itself nothing is known.
        variables.refuse(_PIN_FILE, refused)
        variables.refuse(_PIN, refused)
    return line
