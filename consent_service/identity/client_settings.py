"""From settings to how our client at a provider proves itself: the same for signers and staff."""

from pathlib import Path
from typing import Protocol, get_args

from consent_service.environment import Faults
from consent_service.errors import Misconfigured
from consent_service.identity.addresses import is_safe_address
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
    def issuer(self) -> str: ...

    @property
    def client_id(self) -> str: ...

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


def note_client(
    settings: ClientSettings,
    prefix: str,
    faults: Faults,
    method: AuthenticationMethod = "client_secret_basic",
) -> tuple[ClientAuthentication | None, ClientKey | None]:
    """How our client proves itself, and its own key; what is wrong is noted.

    `prefix` is what the names of their variables begin with.
    """
    issuer, key, proof = settings.issuer, None, None
    # An empty one was named where it was read.
    if issuer and (not is_safe_address(issuer) or "?" in issuer or "#" in issuer):
        faults.note(f"{prefix}ISSUER must be an https address")
    if not settings.client_id:
        faults.note(f"{prefix}CLIENT_ID is not set")
    chosen, audiences = settings.client_authentication or method, ("issuer", "token_endpoint")
    with faults.noted():
        check_known(f"{prefix}ASSERTION_AUDIENCE", settings.assertion_audience, audiences)
    with faults.noted():
        check_known(f"{prefix}CLIENT_AUTHENTICATION", chosen, get_args(AuthenticationMethod))
    with faults.noted():
        key = client_key(settings, prefix)
        proof = client_authentication(settings, prefix, key, method)
    return proof, key


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
    name = f"{prefix}CLIENT_KEY_FILE"
    try:
        pem = Path(settings.client_key_file).read_bytes()
    except (OSError, ValueError):
        raise Misconfigured(f"{name} cannot be read") from None
    try:
        return ClientKey.from_pem(pem, settings.client_key_id)
    except Misconfigured:
        raise Misconfigured(f"{name} is no RSA or P-256 private key in PEM") from None


def check_known(name: str, value: str | None, known: tuple[str, ...]) -> None:
    """Raise Misconfigured for a value that means nothing."""
    if value is not None and value not in known:
        raise Misconfigured(f"{name} is one of {', '.join(known)}")
