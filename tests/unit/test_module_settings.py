"""The hardware module's settings: all or none, no defaults, the PIN never shown."""

from pathlib import Path

import pytest

from consent_service.errors import Misconfigured
from consent_service.module_settings import ModuleSettings

PIN = "73105"
WHOLE = {
    "CONSENT_PKCS11_MODULE": "/usr/lib/softhsm/libsofthsm2.so",
    "CONSENT_PKCS11_TOKEN": "consent",
    "CONSENT_PKCS11_PIN": PIN,
}


def test_without_any_there_is_no_module() -> None:
    assert ModuleSettings.from_environment({"CONSENT_PKCS11_PIN": ""}) is None


def test_a_whole_one_never_shows_its_pin() -> None:
    settings = ModuleSettings.from_environment(WHOLE)
    assert settings is not None
    assert settings.pin == PIN
    assert PIN not in repr(settings)


@pytest.mark.parametrize("missing", WHOLE)
def test_a_missing_one_is_named(missing: str) -> None:
    with pytest.raises(Misconfigured, match=missing):
        ModuleSettings.from_environment({**WHOLE, missing: ""})


def test_the_pin_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    environment = {**WHOLE, "CONSENT_PKCS11_PIN": "", "CONSENT_PKCS11_PIN_FILE": str(path)}
    with pytest.raises(Misconfigured, match="CONSENT_PKCS11_PIN_FILE cannot be read"):
        ModuleSettings.from_environment(environment)
    path.write_text(f"{PIN}\n")
    path.chmod(0o644)
    with pytest.raises(Misconfigured, match="CONSENT_PKCS11_PIN_FILE is open to everybody"):
        ModuleSettings.from_environment(environment)
    path.chmod(0o640)
    settings = ModuleSettings.from_environment(environment)
    assert settings is not None
    assert settings.pin == PIN
    with pytest.raises(Misconfigured, match="set one of them"):
        ModuleSettings.from_environment(environment | {"CONSENT_PKCS11_PIN": PIN})
