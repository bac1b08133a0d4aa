"""Which hardware module a deployment has: the one place that names an implementation."""

from consent_service.errors import Misconfigured
from consent_service.module_settings import ModuleSettings
from consent_service.persistence.keys.module import KeyModule


def module_at(settings: ModuleSettings | None) -> KeyModule | None:
    """The module that the settings lead to; it is opened when the first key of it is needed.

    Raises Misconfigured where the library for it is not installed.
    """
    if settings is None:
        return None
    try:
        from consent_service.persistence.keys.pkcs11_module import (  # noqa: PLC0415 - optional
            Pkcs11Module,
        )
    except ModuleNotFoundError:
        raise Misconfigured(
            "CONSENT_PKCS11_MODULE is set: install consent-service[pkcs11]"
        ) from None
    return Pkcs11Module(settings)
