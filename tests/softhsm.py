"""SoftHSM 2: a hardware module that is a program, with tokens of our own in a temporary folder."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11

from consent_service.module_settings import ModuleSettings

PIN = "58213"
_LIBRARIES = ("/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/softhsm/libsofthsm2.so")


def find_library() -> Path | None:
    """SoftHSM's library, where its command is there too."""
    if shutil.which("softhsm2-util") is None:
        return None
    found = (path for pattern in _LIBRARIES for path in sorted(Path("/").glob(pattern[1:])))
    return next(found, None)


@dataclass(frozen=True)
class SoftToken:
    """A token that the whole run shares, and one that nobody ever logs in to."""

    library: Path
    folder: Path
    label: str = "consent"
    untouched: str = "untouched"

    @classmethod
    def make(cls, library: Path, folder: Path) -> "SoftToken":
        """Both tokens; this process and its children find them from now on."""
        made = cls(library, folder)
        made.tokens.mkdir()
        made.configuration.write_text(
            f"directories.tokendir = {made.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        os.environ["SOFTHSM2_CONF"] = str(made.configuration)
        for label in (made.label, made.untouched):
            subprocess.run(
                [
                    *("softhsm2-util", "--init-token", "--free", "--label", label),
                    *("--so-pin", "11111111", "--pin", PIN),
                ],
                check=True,
                capture_output=True,
            )
        return made

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens"

    @property
    def configuration(self) -> Path:
        return self.folder / "softhsm2.conf"

    @property
    def settings(self) -> ModuleSettings:
        return ModuleSettings(str(self.library), self.label, PIN)

    @property
    def environment(self) -> dict[str, str]:
        """For processes of the service."""
        return {
            "SOFTHSM2_CONF": str(self.configuration),
            "CONSENT_PKCS11_MODULE": str(self.library),
            "CONSENT_PKCS11_TOKEN": self.label,
            "CONSENT_PKCS11_PIN": PIN,
        }

    # -- what anybody could look at, beside the service ---------------------------------------

    def objects(self, reference: str) -> list[Any]:
        """Everything of this CKA_ID."""
        attributes = {pkcs11.Attribute.ID: bytes.fromhex(reference)}
        return list(self.session().get_objects(attributes))

    def session(self) -> Any:
        """A session beside the service's; the login is the process's."""
        token = pkcs11.lib(str(self.library)).get_token(token_label=self.label)
        try:
            return token.open(rw=True, user_pin=PIN)
        except pkcs11.UserAlreadyLoggedIn:
            return token.open(rw=True)

    def restart(self) -> None:
        """Whatever was open is not any more."""
        pkcs11.lib(str(self.library)).reinitialize()

    @property
    def is_away(self) -> bool:
        return (self.folder / "elsewhere").exists()

    def take_away(self) -> None:
        """Nobody reaches the tokens."""
        self.tokens.rename(self.folder / "elsewhere")
        self.tokens.mkdir()
        self.restart()

    def bring_back(self) -> None:
        self.tokens.rmdir()
        (self.folder / "elsewhere").rename(self.tokens)
