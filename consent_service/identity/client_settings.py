"""From settings to how our client at a provider proves itself: the same for signers and staff."""

from pathlib import Path
from typing import Protocol, get_args

from consent_service.errors import Misconfigured
from consent_service.identity.brokers import AuthenticationMethod
from consent_service.identity.client_authentication import (
    ClientAuthentication,
    ClientKey,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
)


class ClientSettings(Protocol):
    """What a deployment says of its client at one provider."""

    @property
    def client_secret(self) -> str | None: ...

    @property
    def client_authentication(self) -> str | None: ...

    @property
    def client_key_file(self) -> str | None: ...

    @property
    def client_key_id(self) -> str | None: ...

    @property
    def assertion_audience(self) -> str: ...


def client_authentication(
    settings: ClientSettings,
    prefix: str,
    key: ClientKey | None,
    method: AuthenticationMethod = "client_secret_basic",
) -> ClientAuthentication:
    """How the client proves itself: as the settings say, else by `method`.

    `prefix` is what the names of their variables begin with. Raises Misconfigured naming one.
    """
    chosen = settings.client_authentication or method
    check_known(f"{prefix}CLIENT_AUTHENTICATION", chosen, get_args(AuthenticationMethod))
    if chosen == "private_key_jwt":
        if key is None:
            raise Misconfigured(f"{prefix}CLIENT_KEY_FILE is not set")
        if settings.assertion_audience == "token_endpoint":
            return PrivateKeyJwt(key, "token_endpoint")
        check_known(f"{prefix}ASSERTION_AUDIENCE", settings.assertion_audience, ("issuer",))
        return PrivateKeyJwt(key)
    if not settings.client_secret:
        raise Misconfigured(f"{prefix}CLIENT_SECRET is not set")
    if chosen == "client_secret_post":
        return ClientSecretPost(settings.client_secret)
    return ClientSecretBasic(settings.client_secret)


def client_key(settings: ClientSettings, prefix: str) -> ClientKey | None:
    """The client's own key, where it has one. Raises Misconfigured."""
    if not settings.client_key_file:
        return None
    try:
        pem = Path(settings.client_key_file).read_bytes()
    except OSError:
        raise Misconfigured(f"{prefix}CLIENT_KEY_FILE cannot be read") from None
    return ClientKey.from_pem(pem, settings.client_key_id)


def check_known(name: str, value: str | None, known: tuple[str, ...]) -> None:
    """Raise Misconfigured for a value that means nothing."""
    if value is not None and value not in known:
        raise Misconfigured(f"{name} is one of {', '.join(known)}")
