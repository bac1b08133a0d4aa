"""Settings: frozen, read once from the environment, no default for anything secret."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from consent_service.environment import count, days, hosts, minutes, required, seconds, yes
from consent_service.errors import Misconfigured
from consent_service.module_settings import ModuleSettings

MOST_PROXIES = 5
MOST_SESSION_MINUTES = 24 * 60
LONGEST_TOKEN_MINUTES = 60
MOST_LOOKUP_DAYS = 365
SQLITE = "sqlite:///"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class SignerProviderSettings:
    """The OpenID Connect broker that identifies signers, and how it differs from its preset.

    `broker` names the preset (`identity.brokers`); None means the preset's, or for
    `max_age_seconds` none at all. Texts as in the environment: scopes and origins apart by
    spaces, `parameters` and `loa_values` as JSON objects.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    cpr_claim: str | None = None
    loa_claim: str | None = None
    broker: str | None = None
    scopes: str | None = None
    acr_values: str | None = None
    parameters: str | None = None
    max_age_seconds: int | None = 0
    cpr_from: str | None = None
    loa_values: str | None = None
    text: str | None = None
    client_authentication: str | None = None
    client_key_file: str | None = None
    client_key_id: str | None = None
    assertion_audience: str = "issuer"
    form_origins: str | None = None

    @property
    def name(self) -> str:
        """What the provider is called in the address that it sends browsers back to."""
        return self.broker or "mitid"


@dataclass(frozen=True)
class StaffRoleSettings:
    """What a value of the role claim gives; without an organisation the other claim names it."""

    role: Literal["dpo", "operator"]
    organisation: str | None = None


@dataclass(frozen=True)
class StaffSettings:
    """The OpenID Connect provider that identifies staff, and what its claims mean here.

    `organisation` is the one that runs the service: its log has the operators' logins, and those
    refused before an organisation was known. `acr_values`, where there are any, are asked for,
    and the ID token must name one of them. With `max_age_seconds` the person must have logged in
    at the provider that shortly before; None leaves single sign-on to the provider.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    organisation: str
    roles: Mapping[str, StaffRoleSettings]
    organisations: Mapping[str, str] = field(default_factory=dict)
    role_claim: str = "roles"
    org_claim: str | None = None
    acr_values: tuple[str, ...] = ()
    max_age_seconds: int | None = None
    client_authentication: str | None = None
    client_key_file: str | None = None
    client_key_id: str | None = None
    assertion_audience: str = "issuer"
    idle: timedelta = timedelta(minutes=30)
    absolute: timedelta = timedelta(hours=8)


@dataclass(frozen=True)
class Settings:
    """Everything a deployment decides.

    `base_url` is what families and callers see, without a slash at the end; `log_origin` names
    the log in every signature and is never changed afterwards; `anchor_file` holds its newest
    checkpoint outside the database; `keys_text` is the key document
    itself, where it stands in the environment instead of in `keys_file`; `key_module` has the keys
    that the document only refers to; `trusted_proxies` is how
    many reverse proxies stand before the service and add to `X-Forwarded-For`; `extra_hosts` are
    the names beside that of `base_url` under which it answers, for health checks; `log_addresses`
    puts callers' addresses into the access log; `token_lifetime` is that of the tokens issued at
    the token endpoint; `oldest_lookup_days` is how old a look-up of custody may be when it is
    recorded.
    """

    database_url: str = field(repr=False)
    keys_file: Path
    base_url: str
    log_origin: str
    anchor_file: Path
    token_issuer: str
    token_audience: str
    token_issuers_file: Path | None
    signer_provider: SignerProviderSettings | None
    trusted_proxies: int = 0
    staff: StaffSettings | None = None
    extra_hosts: frozenset[str] = frozenset()
    log_addresses: bool = False
    token_lifetime: timedelta = timedelta(minutes=15)
    keys_text: str | None = field(default=None, repr=False)
    key_module: ModuleSettings | None = None
    oldest_lookup_days: int = 30

    @property
    def is_https(self) -> bool:
        """Whether families reach the service over TLS."""
        return self.base_url.startswith("https://")

    @property
    def trusted_hosts(self) -> frozenset[str]:
        """The hosts that a request may name, in lower case and without a port."""
        own = urlsplit(self.base_url).hostname or ""
        return self.extra_hosts | (LOOPBACK if own in LOOPBACK else {own})

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, signers: bool = True, staff: bool = True
    ) -> "Settings":
        """Read the variables named CONSENT_*. Raises Misconfigured naming the first missing one.

        A command that needs nothing of the providers says so, and runs where those are not known.
        """
        base_url = required(environment, "CONSENT_BASE_URL").rstrip("/")
        check_base_url(base_url)
        issuers = environment.get("CONSENT_TOKEN_ISSUERS_FILE")
        of_signers = _signer_provider(environment) if signers else None
        of_staff = _staff(environment) if staff else None
        if _is_one_client(of_signers, of_staff):
            raise Misconfigured("CONSENT_STAFF_OIDC_CLIENT_ID must not be the signers' client")
        return cls(
            database_url=database_url(environment),
            keys_file=keys_file(environment),
            keys_text=environment.get("CONSENT_KEYS") or None,
            key_module=ModuleSettings.from_environment(environment),
            base_url=base_url,
            log_origin=log_origin(environment, base_url),
            anchor_file=anchor_file(environment),
            token_issuer=environment.get("CONSENT_TOKEN_ISSUER", base_url),
            token_audience=environment.get("CONSENT_TOKEN_AUDIENCE", base_url),
            token_issuers_file=Path(issuers) if issuers else None,
            signer_provider=of_signers,
            trusted_proxies=count(environment, "CONSENT_TRUSTED_PROXIES", MOST_PROXIES),
            staff=of_staff,
            extra_hosts=hosts(environment, "CONSENT_EXTRA_HOSTS"),
            log_addresses=yes(environment, "CONSENT_LOG_ADDRESSES"),
            token_lifetime=minutes(environment, "CONSENT_TOKEN_MINUTES", 15, LONGEST_TOKEN_MINUTES),
            oldest_lookup_days=days(
                environment, "CONSENT_CUSTODY_LOOKUP_DAYS", 30, MOST_LOOKUP_DAYS
            ),
        )


def _is_one_client(signers: SignerProviderSettings | None, staff: StaffSettings | None) -> bool:
    if signers is None or staff is None:
        return False
    return (staff.issuer, staff.client_id) == (signers.issuer, signers.client_id)


def keys_file(environment: Mapping[str, str]) -> Path:
    """Where the keys are, unless they stand in the environment. Raises Misconfigured."""
    if environment.get("CONSENT_KEYS"):
        if environment.get("CONSENT_KEYS_FILE"):
            raise Misconfigured("CONSENT_KEYS and CONSENT_KEYS_FILE: set one of them")
        return Path(os.devnull)
    return Path(required(environment, "CONSENT_KEYS_FILE"))


def database_url(environment: Mapping[str, str]) -> str:
    """The database; a relative SQLite path is one from the folder the command was started in."""
    url = environment.get("CONSENT_DATABASE_URL", "sqlite:///consent.db")
    path = url.removeprefix(SQLITE)
    if path == url or not path or path == ":memory:" or Path(path).is_absolute():
        return url
    return f"{SQLITE}{Path(path).absolute()}"


def log_origin(environment: Mapping[str, str], base_url: str) -> str:
    """The log's name; on this machine alone it may follow from the address. Raises Misconfigured.

    A log keeps its name for good, and an address does not.
    """
    at = urlsplit(base_url)
    if at.hostname in LOOPBACK and not environment.get("CONSENT_LOG_ORIGIN"):
        return f"{at.netloc}/log"
    return required(environment, "CONSENT_LOG_ORIGIN")


def anchor_file(environment: Mapping[str, str]) -> Path:
    """Where the anchor is: with SQLite beside the key file unless told. Raises Misconfigured."""
    given = environment.get("CONSENT_LOG_ANCHOR_FILE")
    if given:
        return Path(given)
    keys = keys_file(environment)
    if not database_url(environment).startswith(SQLITE) or environment.get("CONSENT_KEYS"):
        return Path(required(environment, "CONSENT_LOG_ANCHOR_FILE"))
    return keys.with_name(f"{keys.name}.anchor")


def _signer_provider(environment: Mapping[str, str]) -> SignerProviderSettings:
    oidc = "CONSENT_OIDC_"

    def own(name: str) -> str | None:
        return environment.get(f"{oidc}{name}") or None

    return SignerProviderSettings(
        issuer=required(environment, "CONSENT_OIDC_ISSUER"),
        client_id=required(environment, "CONSENT_OIDC_CLIENT_ID"),
        client_secret=_client_secret(environment, oidc),
        cpr_claim=own("CPR_CLAIM") if own("BROKER") else required(environment, f"{oidc}CPR_CLAIM"),
        loa_claim=own("LOA_CLAIM"),
        broker=own("BROKER"),
        scopes=own("SCOPES"),
        acr_values=own("ACR_VALUES"),
        parameters=own("PARAMETERS"),
        max_age_seconds=seconds(environment, f"{oidc}MAX_AGE", default=0),
        cpr_from=own("CPR_FROM"),
        loa_values=own("LOA_VALUES"),
        text=own("TEXT"),
        client_authentication=own("CLIENT_AUTHENTICATION"),
        client_key_file=own("CLIENT_KEY_FILE"),
        client_key_id=own("CLIENT_KEY_ID"),
        assertion_audience=own("ASSERTION_AUDIENCE") or "issuer",
        form_origins=own("FORM_ORIGINS"),
    )


def _client_secret(environment: Mapping[str, str], oidc: str) -> str | None:
    """The secret of our client at a provider, which a key of our own may stand for."""
    if environment.get(f"{oidc}CLIENT_AUTHENTICATION") == "private_key_jwt":
        return environment.get(f"{oidc}CLIENT_SECRET") or None
    return required(environment, f"{oidc}CLIENT_SECRET")


def _staff(environment: Mapping[str, str]) -> StaffSettings | None:
    """Without an issuer there are no staff pages."""
    oidc = "CONSENT_STAFF_OIDC_"

    def own(name: str) -> str | None:
        return environment.get(f"{oidc}{name}") or None

    if own("ISSUER") is None:
        return None
    given = {name: value for name, value in environment.items() if value}
    roles, organisations = _staff_meanings(required(environment, "CONSENT_STAFF_ROLES"))
    unplaced = any(one.role == "dpo" and not one.organisation for one in roles.values())
    if unplaced and not (own("ORG_CLAIM") and organisations):
        raise Misconfigured("CONSENT_STAFF_ROLES has a dpo without an organisation")
    return StaffSettings(
        issuer=required(environment, f"{oidc}ISSUER"),
        client_id=required(environment, f"{oidc}CLIENT_ID"),
        client_secret=_client_secret(environment, oidc),
        organisation=required(environment, "CONSENT_STAFF_ORGANISATION"),
        roles=roles,
        organisations=organisations,
        role_claim=own("ROLE_CLAIM") or "roles",
        org_claim=own("ORG_CLAIM"),
        acr_values=tuple((own("ACR_VALUES") or "").split()),
        max_age_seconds=seconds(environment, f"{oidc}MAX_AGE", default=None),
        client_authentication=own("CLIENT_AUTHENTICATION"),
        client_key_file=own("CLIENT_KEY_FILE"),
        client_key_id=own("CLIENT_KEY_ID"),
        assertion_audience=own("ASSERTION_AUDIENCE") or "issuer",
        idle=minutes(given, "CONSENT_STAFF_IDLE_MINUTES", 30, MOST_SESSION_MINUTES),
        absolute=minutes(given, "CONSENT_STAFF_SESSION_MINUTES", 8 * 60, MOST_SESSION_MINUTES),
    )


def _staff_meanings(text: str) -> tuple[dict[str, StaffRoleSettings], dict[str, str]]:
    """What claims mean: JSON, or the path of a file with it.

    `{"roles": {claim value: {"role": …, "organisation"?: …}}, "organisations"?: {value: id}}`
    """
    wrong = Misconfigured("CONSENT_STAFF_ROLES is not the JSON that maps claims to roles")
    try:
        given = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text())
        roles = {value: _staff_role(members) for value, members in given["roles"].items()}
        organisations = dict(given.get("organisations", {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise wrong from None
    texts = all(isinstance(id_, str) and id_ for id_ in organisations.values())
    if not roles or not texts or not given.keys() <= {"roles", "organisations"}:
        raise wrong
    return roles, organisations


def _staff_role(members: Any) -> StaffRoleSettings:
    read = StaffRoleSettings(**members)
    if read.role not in ("dpo", "operator") or not isinstance(read.organisation, str | None):
        raise ValueError("no such role")
    return read


def check_base_url(base_url: str) -> None:
    """Links and cookies are safe over TLS, or on this machine alone. Raises Misconfigured."""
    parts = urlsplit(base_url)
    plain_but_local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or plain_but_local):
        raise Misconfigured("CONSENT_BASE_URL must be an https address")
