"""Settings: frozen, read once from the environment, no default for anything secret."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from consent_service.errors import Misconfigured

MOST_PROXIES = 5
SQLITE = "sqlite:///"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class SignerProviderSettings:
    """The OpenID Connect broker that identifies signers."""

    issuer: str
    client_id: str
    client_secret: str
    cpr_claim: str
    loa_claim: str


@dataclass(frozen=True)
class Settings:
    """Everything a deployment decides.

    `base_url` is what families and callers see, without a slash at the end; `log_origin` names
    the log in every signature and is never changed afterwards; `keys_text` is the key document
    itself, where it stands in the environment instead of in `keys_file`; `trusted_proxies` is how
    many reverse proxies stand before the service and add to `X-Forwarded-For`.
    """

    database_url: str
    keys_file: Path
    base_url: str
    log_origin: str
    token_issuer: str
    token_audience: str
    token_jwks_file: Path | None
    signer_provider: SignerProviderSettings | None
    trusted_proxies: int = 0
    keys_text: str | None = field(default=None, repr=False)

    @property
    def is_https(self) -> bool:
        """Whether families reach the service over TLS."""
        return self.base_url.startswith("https://")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables named CONSENT_*. Raises Misconfigured naming the first missing one."""
        base_url = _required(environment, "CONSENT_BASE_URL").rstrip("/")
        check_base_url(base_url)
        jwks = environment.get("CONSENT_TOKEN_JWKS_FILE")
        return cls(
            database_url=database_url(environment),
            keys_file=keys_file(environment),
            keys_text=environment.get("CONSENT_KEYS") or None,
            base_url=base_url,
            log_origin=environment.get("CONSENT_LOG_ORIGIN", f"{urlsplit(base_url).netloc}/log"),
            token_issuer=environment.get("CONSENT_TOKEN_ISSUER", base_url),
            token_audience=environment.get("CONSENT_TOKEN_AUDIENCE", base_url),
            token_jwks_file=Path(jwks) if jwks else None,
            signer_provider=_signer_provider(environment),
            trusted_proxies=_count(environment, "CONSENT_TRUSTED_PROXIES"),
        )


def keys_file(environment: Mapping[str, str]) -> Path:
    """Where the keys are, unless they stand in the environment. Raises Misconfigured."""
    if environment.get("CONSENT_KEYS"):
        if environment.get("CONSENT_KEYS_FILE"):
            raise Misconfigured("CONSENT_KEYS and CONSENT_KEYS_FILE: set one of them")
        return Path(os.devnull)
    return Path(_required(environment, "CONSENT_KEYS_FILE"))


def database_url(environment: Mapping[str, str]) -> str:
    """The database; a relative SQLite path is one from the folder the command was started in."""
    url = environment.get("CONSENT_DATABASE_URL", "sqlite:///consent.db")
    path = url.removeprefix(SQLITE)
    if path == url or not path or path == ":memory:" or Path(path).is_absolute():
        return url
    return f"{SQLITE}{Path(path).absolute()}"


def _signer_provider(environment: Mapping[str, str]) -> SignerProviderSettings:
    return SignerProviderSettings(
        issuer=_required(environment, "CONSENT_OIDC_ISSUER"),
        client_id=_required(environment, "CONSENT_OIDC_CLIENT_ID"),
        client_secret=_required(environment, "CONSENT_OIDC_CLIENT_SECRET"),
        cpr_claim=_required(environment, "CONSENT_OIDC_CPR_CLAIM"),
        loa_claim=environment.get("CONSENT_OIDC_LOA_CLAIM", "acr"),
    )


def check_base_url(base_url: str) -> None:
    """Links and cookies are safe over TLS, or on this machine alone. Raises Misconfigured."""
    parts = urlsplit(base_url)
    plain_but_local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or plain_but_local):
        raise Misconfigured("CONSENT_BASE_URL must be an https address")


def _count(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "0")
    if not text.isascii() or not text.isdigit() or int(text) > MOST_PROXIES:
        raise Misconfigured(f"{name} is a number from 0 to {MOST_PROXIES}")
    return int(text)


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise Misconfigured(f"{name} is not set")
    return value
