"""Settings: frozen, read once from the environment, no default for anything secret."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from consent_service.environment import Variables
from consent_service.errors import Misconfigured
from consent_service.module_settings import ModuleSettings

MOST_PROXIES = 5
MOST_SESSION_MINUTES = 24 * 60
LONGEST_TOKEN_MINUTES = 60
MOST_LOOKUP_DAYS = 365
DATABASE_URL = "CONSENT_DATABASE_URL"
OIDC, STAFF_OIDC = "CONSENT_OIDC_", "CONSENT_STAFF_OIDC_"
"""What the names of the variables about a provider begin with: the signers', and the staff's."""
SQLITE, POSTGRESQL = "sqlite:///", "postgresql+psycopg://"
BESIDE = frozenset(
    {
        "CONSENT_APP_PASSWORD",
        "CONSENT_KEYS_FOLDER",
        "CONSENT_OWNER_PASSWORD",
        "CONSENT_PORT",
        "CONSENT_POSTGRES_PASSWORD_FILE",
        "CONSENT_REQUIRE_ALL_SUITES",
    }
)
"""Variables of compose.yaml and of the tests: they may stand in the same environment."""

_LINKED = re.compile(r"_SERVICE_(HOST|PORT)|_PORT(_[0-9]+_(TCP|UDP))?(_|$)", re.ASCII)
"""What Kubernetes says of a service that is called consent-something, to every container."""

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
        """Read the variables named CONSENT_*. Raises Misconfigured naming each wrong one.

        A command that needs nothing of the providers says so, and runs where those are not known.
        """
        return Variables.read(
            environment, lambda variables: cls.read(variables, signers=signers, staff=staff)
        )

    @classmethod
    def read(cls, variables: Variables, *, signers: bool = True, staff: bool = True) -> "Settings":
        """The same, with what is wrong left in the variables."""
        base_url = _base_url(variables)
        issuers = variables.text("CONSENT_TOKEN_ISSUERS_FILE")
        with variables.judged(if_=signers):
            of_signers = _signer_provider(variables)
        with variables.judged(if_=staff):
            of_staff = _staff(variables)
        if signers and staff and _is_one_client(of_signers, of_staff):
            variables.refuse(
                f"{STAFF_OIDC}CLIENT_ID", f"{STAFF_OIDC}CLIENT_ID must not be the signers' client"
            )
        return cls(
            database_url=_database_url(variables),
            keys_file=_keys_file(variables),
            keys_text=variables.text("CONSENT_KEYS"),
            key_module=ModuleSettings.read(variables),
            base_url=base_url,
            log_origin=_log_origin(variables, base_url),
            anchor_file=_anchor_file(variables),
            token_issuer=variables.text("CONSENT_TOKEN_ISSUER") or base_url,
            token_audience=variables.text("CONSENT_TOKEN_AUDIENCE") or base_url,
            token_issuers_file=Path(issuers) if issuers else None,
            signer_provider=of_signers if signers else None,
            trusted_proxies=variables.count("CONSENT_TRUSTED_PROXIES", MOST_PROXIES),
            staff=of_staff if staff else None,
            extra_hosts=variables.hosts("CONSENT_EXTRA_HOSTS"),
            log_addresses=variables.yes("CONSENT_LOG_ADDRESSES"),
            token_lifetime=variables.minutes("CONSENT_TOKEN_MINUTES", 15, LONGEST_TOKEN_MINUTES),
            oldest_lookup_days=variables.days("CONSENT_CUSTODY_LOOKUP_DAYS", 30, MOST_LOOKUP_DAYS),
        )


def unknown_names(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that looks like a setting and is none, with the nearest one."""
    known = setting_names()
    return [
        f"{name} is no setting{_nearest(name, known)}"
        for name in sorted(environment)
        if name.startswith("CONSENT_") and name not in known | BESIDE and not _LINKED.search(name)
    ]


def _nearest(name: str, known: frozenset[str]) -> str:
    nearest = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return f": is {nearest[0]} meant?" if nearest else ""


def setting_names() -> frozenset[str]:
    """Every variable that the service reads: each is declared where it is read."""
    variables = Variables({})
    Settings.read(variables)
    return frozenset(variables.asked)


def _is_one_client(signers: SignerProviderSettings | None, staff: StaffSettings | None) -> bool:
    if signers is None or staff is None:
        return False
    return (staff.issuer, staff.client_id) == (signers.issuer, signers.client_id)


def database_url(environment: Mapping[str, str]) -> str:
    """The database, for who needs no other setting. Raises Misconfigured."""
    return Variables.read(environment, _database_url)


def database_is_told(environment: Mapping[str, str]) -> bool:
    """Whether somebody said which database, or a file beside the command stands in for it."""
    return Variables(environment).text(DATABASE_URL) is not None


def _database_url(variables: Variables) -> str:
    """The database; a relative SQLite path is one from the folder the command was started in."""
    url = variables.text(DATABASE_URL) or "sqlite:///consent.db"
    path = url.removeprefix(SQLITE)
    if path == url and not url.startswith(POSTGRESQL):
        variables.refuse(DATABASE_URL, f"{DATABASE_URL} begins with {SQLITE} or with {POSTGRESQL}")
    if path == url or not path or path == ":memory:" or Path(path).is_absolute():
        return url
    return f"{SQLITE}{Path(path).absolute()}"


def _keys_file(variables: Variables) -> Path:
    """Where the keys are, unless they stand in the environment."""
    if variables.text("CONSENT_KEYS"):
        if variables.text("CONSENT_KEYS_FILE"):
            variables.refuse("CONSENT_KEYS", "CONSENT_KEYS and CONSENT_KEYS_FILE: set one of them")
        return Path(os.devnull)
    return Path(variables.required("CONSENT_KEYS_FILE"))


def _log_origin(variables: Variables, base_url: str) -> str:
    """The log's name; on this machine alone it may follow from the address.

    A log keeps its name for good, and an address does not.
    """
    name = "CONSENT_LOG_ORIGIN"
    given = variables.text(name)
    if given is None and base_url and urlsplit(base_url).hostname in LOOPBACK:
        return f"{urlsplit(base_url).netloc}/log"
    if given is not None and ("+" in given or any(one.isspace() for one in given)):
        variables.refuse(name, f"{name} holds no space and no +")
    return variables.required(name)


def _anchor_file(variables: Variables) -> Path:
    """Where the anchor is: with SQLite beside the key file unless told."""
    name = "CONSENT_LOG_ANCHOR_FILE"
    keys, given = variables.text("CONSENT_KEYS_FILE"), variables.text(name)
    is_on_sqlite = (variables.text(DATABASE_URL) or SQLITE).startswith(SQLITE)
    if given:
        return Path(given)
    if variables.text("CONSENT_KEYS") or not is_on_sqlite:
        return Path(variables.required(name))
    # Without a key file that is what is missing, and not this.
    return Path(f"{keys}.anchor") if keys else Path()


def _base_url(variables: Variables) -> str:
    """Links and cookies are safe over TLS, or on this machine alone; empty where there is none."""
    name = "CONSENT_BASE_URL"
    base_url = variables.required(name).rstrip("/")
    try:
        parts = urlsplit(base_url)
        is_usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, is_usable = urlsplit(""), False
    if not (is_usable and (parts.scheme == "https" or _is_plain_but_local(parts))):
        variables.refuse(name, f"{name} must be an https address")
        return ""
    if parts.query or parts.fragment or parts.username is not None:
        variables.refuse(name, f"{name} is an address without a query, a fragment and a user")
    return base_url


def _is_plain_but_local(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def _signer_provider(variables: Variables) -> SignerProviderSettings:
    def own(name: str) -> str | None:
        return variables.text(f"{OIDC}{name}")

    return SignerProviderSettings(
        issuer=variables.required(f"{OIDC}ISSUER"),
        client_id=variables.required(f"{OIDC}CLIENT_ID"),
        client_secret=_client_secret(variables, OIDC),
        cpr_claim=_cpr_claim(variables),
        loa_claim=own("LOA_CLAIM"),
        broker=own("BROKER"),
        scopes=own("SCOPES"),
        acr_values=own("ACR_VALUES"),
        parameters=own("PARAMETERS"),
        max_age_seconds=variables.seconds(f"{OIDC}MAX_AGE", default=0),
        cpr_from=own("CPR_FROM"),
        loa_values=own("LOA_VALUES"),
        text=own("TEXT"),
        client_authentication=own("CLIENT_AUTHENTICATION"),
        client_key_file=own("CLIENT_KEY_FILE"),
        client_key_id=own("CLIENT_KEY_ID"),
        assertion_audience=own("ASSERTION_AUDIENCE") or "issuer",
        form_origins=own("FORM_ORIGINS"),
    )


def _cpr_claim(variables: Variables) -> str | None:
    """A broker's preset has one."""
    name = f"{OIDC}CPR_CLAIM"
    return variables.text(name) if variables.text(f"{OIDC}BROKER") else variables.required(name)


def _client_secret(variables: Variables, prefix: str) -> str | None:
    """The secret of our client at a provider, which a key of our own may stand for."""
    name = f"{prefix}CLIENT_SECRET"
    if variables.text(f"{prefix}CLIENT_AUTHENTICATION") == "private_key_jwt":
        return variables.text(name)
    return variables.required(name)


def _staff(variables: Variables) -> StaffSettings | None:
    """Without an issuer there are no staff pages."""

    def own(name: str) -> str | None:
        return variables.text(f"{STAFF_OIDC}{name}")

    issuer = own("ISSUER")
    with variables.judged(if_=issuer is not None):
        roles, organisations = _staff_roles(variables)
        read = StaffSettings(
            issuer=issuer or "",
            client_id=variables.required(f"{STAFF_OIDC}CLIENT_ID"),
            client_secret=_client_secret(variables, STAFF_OIDC),
            organisation=variables.required("CONSENT_STAFF_ORGANISATION"),
            roles=roles,
            organisations=organisations,
            role_claim=own("ROLE_CLAIM") or "roles",
            org_claim=own("ORG_CLAIM"),
            acr_values=tuple((own("ACR_VALUES") or "").split()),
            max_age_seconds=variables.seconds(f"{STAFF_OIDC}MAX_AGE", default=None),
            client_authentication=own("CLIENT_AUTHENTICATION"),
            client_key_file=own("CLIENT_KEY_FILE"),
            client_key_id=own("CLIENT_KEY_ID"),
            assertion_audience=own("ASSERTION_AUDIENCE") or "issuer",
            idle=_session_time(variables, "CONSENT_STAFF_IDLE_MINUTES", 30),
            absolute=_session_time(variables, "CONSENT_STAFF_SESSION_MINUTES", 8 * 60),
        )
    return read if issuer else None


def _session_time(variables: Variables, name: str, default: int) -> timedelta:
    """An empty text is none here."""
    if variables.text(name) is None:
        return timedelta(minutes=default)
    return variables.minutes(name, default, MOST_SESSION_MINUTES)


def _staff_roles(
    variables: Variables,
) -> tuple[Mapping[str, StaffRoleSettings], Mapping[str, str]]:
    name = "CONSENT_STAFF_ROLES"
    text, places = variables.required(name), variables.text(f"{STAFF_OIDC}ORG_CLAIM")
    try:
        roles, organisations = _staff_meanings(text)
    except Misconfigured as wrong:
        variables.refuse(name, wrong.detail)
        return {}, {}
    unplaced = any(one.role == "dpo" and not one.organisation for one in roles.values())
    if unplaced and not (places and organisations):
        variables.refuse(name, f"{name} has a dpo without an organisation")
    return roles, organisations


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
