"""Where the hardware module with the deployment's keys is: from the environment, no defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from consent_service.errors import Misconfigured

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
        given = [name for name in (_MODULE, _TOKEN, _PIN, _PIN_FILE) if environment.get(name)]
        if not given:
            return None
        for name in (_MODULE, _TOKEN):
            if name not in given:
                raise Misconfigured(f"{name} is not set")
        return cls(environment[_MODULE], environment[_TOKEN], _pin(environment))


def _pin(environment: Mapping[str, str]) -> str:
    pin, path = environment.get(_PIN), environment.get(_PIN_FILE)
    if pin and path:
        raise Misconfigured(f"{_PIN} and {_PIN_FILE}: set one of them")
    if path:
        pin = _first_line(Path(path))
    if not pin:
        raise Misconfigured(f"{_PIN} or {_PIN_FILE} is not set, or is empty")
    return pin


def _first_line(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o007:
            raise Misconfigured(f"{_PIN_FILE} is open to everybody: chmod 600")
        return path.read_text().partition("\n")[0]
    except (OSError, ValueError):
        raise Misconfigured(f"{_PIN_FILE} cannot be read") from None
