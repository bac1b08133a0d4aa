"""`consent-service check`: everything that is wrong with an installation, told at once.

A start makes the same examination (`require_sound`), but for what may mend itself meanwhile: a
provider that is away keeps no service down, which still decides and takes withdrawals.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from consent_service.environment import Faults, Variables
from consent_service.errors import ConsentServiceError, Misconfigured

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from consent_service.config import Settings
    from consent_service.persistence.keys.document import Keys
    from consent_service.persistence.log.guard import Guard

DISCOVERY_SECONDS = 5.0
CONNECT_SECONDS = 5


@click.command()
def check() -> None:
    """Look at settings, database, keys, anchor and providers, and say all that is wrong.

    Changes nothing. Exits 1 where something is wrong.
    """
    examined = examine(os.environ, with_providers=True)
    for sentence in (*examined.faults.found, *examined.doubts.found):
        click.echo(f"wrong: {sentence}")
    for sentence in examined.notes:
        click.echo(f"note: {sentence}")
    if examined.faults.found or examined.doubts.found:
        sys.exit(1)
    click.echo(f"All is well. Looked at {', '.join(examined.looked_at)}.")


def require_sound(environment: Mapping[str, str]) -> None:
    """Raise Misconfigured with everything that a start stops at; say the rest."""
    examined = examine(environment, with_providers=False)
    for sentence in (*examined.doubts.found, *examined.notes):
        click.echo(f"consent-service: {sentence}", err=True)
    examined.faults.check()


@dataclass
class Examined:
    """What was found: `faults` stop a start, `doubts` do not, and `notes` are nothing wrong."""

    faults: Faults = field(default_factory=Faults)
    doubts: Faults = field(default_factory=Faults)
    notes: list[str] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)

    def passes(self, look: Callable[[], object], *, stops: bool = True) -> bool:
        """Whether a look raises nothing; what it raises is kept."""
        try:
            look()
        except Misconfigured as wrong:
            (self.faults if stops else self.doubts).note(*wrong.faults)
        except ConsentServiceError as error:
            (self.faults if stops else self.doubts).note(error.detail or error.code)
        else:
            return True
        return False


def examine(environment: Mapping[str, str], *, with_providers: bool) -> Examined:
    """Look at everything that can be looked at, whatever else is wrong."""
    from consent_service.config import Settings, setting_names, unknown_names

    examined, variables = Examined(), Variables(environment)
    settings = Settings.read(variables)
    examined.looked_at.append(f"{len(setting_names())} settings")
    examined.faults.note(*dict.fromkeys(variables.wrong.values()), *unknown_names(environment))
    _say_which_file(examined, environment, settings)
    _look_at_clients(examined, settings)
    keys = _look_at_keys(examined, settings, variables)
    _look_at_database(examined, settings, variables, keys)
    if with_providers:
        _ask_providers(examined, settings)
    return examined


def say_which_database(environment: Mapping[str, str]) -> str | None:
    """A sentence where nobody said which database: a file beside the command stands in for it."""
    from consent_service.config import DATABASE_URL, SQLITE, database_is_told, database_url

    if database_is_told(environment):
        return None
    path = database_url(environment).removeprefix(SQLITE)
    return f"{DATABASE_URL} is not set: the database is the file {path}"


def _say_which_file(
    examined: Examined, environment: Mapping[str, str], settings: "Settings"
) -> None:
    said = say_which_database(environment)
    if said is not None:
        examined.notes.append(said)
    if settings.staff is None and any(
        value for name, value in environment.items() if name.startswith("CONSENT_STAFF_")
    ):
        examined.notes.append(
            "CONSENT_STAFF_OIDC_ISSUER is not set: there are no pages for staff, and the other "
            "CONSENT_STAFF_… mean nothing"
        )


def _look_at_clients(examined: Examined, settings: "Settings") -> None:
    """What the settings say of the clients at the providers, and of other issuers of tokens."""
    from consent_service.identity.broker_settings import signer_provider
    from consent_service.identity.external_issuers import load_issuers
    from consent_service.identity.staff_login import StaffLogin

    of_signers, of_staff, issuers = (
        settings.signer_provider,
        settings.staff,
        settings.token_issuers_file,
    )
    if of_signers is not None and examined.passes(lambda: signer_provider(of_signers)):
        examined.looked_at.append("the client at the signers' provider")
    if of_staff is not None and examined.passes(lambda: StaffLogin(of_staff)):
        examined.looked_at.append("the client at the staff's provider")
    if issuers is not None and examined.passes(
        lambda: load_issuers(issuers, settings.token_issuer)
    ):
        examined.looked_at.append("the issuers' file")


def _look_at_keys(examined: Examined, settings: "Settings", variables: Variables) -> "Keys | None":
    """The keys, where there are some. A hardware module's PIN is tried once."""
    from consent_service.wiring import key_source

    named = {"CONSENT_KEYS", "CONSENT_KEYS_FILE"} | {
        name for name in variables.asked if name.startswith("CONSENT_PKCS11_")
    }
    if named & variables.wrong.keys():
        return None
    read: list[Keys] = []

    def look() -> None:
        source = key_source(settings)
        read.append(source.read())
        if source.module is not None:
            source.module.close()

    if not examined.passes(look):
        return None
    examined.looked_at.append("the keys")
    return read[0]


def _look_at_database(
    examined: Examined, settings: "Settings", variables: Variables, keys: "Keys | None"
) -> None:
    import sqlalchemy as sa

    from consent_service.persistence.kernel import database_checks as checks
    from consent_service.persistence.kernel.database import (
        check_durability,
        engine_options,
        prepare,
    )

    if "CONSENT_DATABASE_URL" in variables.wrong:
        return
    url = settings.database_url
    made: list[Engine] = []

    def make() -> None:
        options = engine_options(url)
        if sa.make_url(url).get_backend_name() == "postgresql":
            options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
        made.append(prepare(sa.create_engine(url, **options)))

    if not examined.passes(make):
        return
    engine = made[0]
    try:
        if not examined.passes(lambda: checks.require_reachable(engine)):
            return
        with checks.plainly():
            examined.passes(lambda: check_durability(engine))
        if not examined.passes(lambda: checks.require_migrated(engine)):
            return
        examined.passes(lambda: checks.require_small_role(engine), stops=False)
        examined.passes(lambda: checks.require_writes(engine))
        examined.looked_at.append("the database")
        if keys is not None:
            _look_at_log(examined, settings, variables, engine, keys)
        _look_at_organisations(examined, settings, engine)
    except Misconfigured as wrong:
        examined.faults.note(*wrong.faults)
    finally:
        engine.dispose()


def _look_at_log(
    examined: Examined,
    settings: "Settings",
    variables: Variables,
    engine: "Engine",
    keys: "Keys",
) -> None:
    """Whether keys, anchor and database are of one deployment."""
    from consent_service.persistence.kernel.database_checks import plainly
    from consent_service.persistence.keys.data_keys import check_keys_fit
    from consent_service.persistence.keys.index_slots import check_index_fits
    from consent_service.persistence.keys.sealing import KeyRing

    with plainly():
        fits = examined.passes(lambda: check_keys_fit(engine, KeyRing(keys.key_encryption)))
        fits = examined.passes(lambda: check_index_fits(engine, keys.index)) and fits
        if not fits or {"CONSENT_LOG_ORIGIN", "CONSENT_LOG_ANCHOR_FILE"} & variables.wrong.keys():
            return
        folder = settings.anchor_file.absolute().parent
        if not os.access(folder, os.W_OK | os.X_OK):
            examined.doubts.note(f"CONSENT_LOG_ANCHOR_FILE: nothing can be written in {folder}")
        if examined.passes(lambda: _guard(settings, engine, keys).examine()):
            examined.looked_at.append("the log's anchor")


def _guard(settings: "Settings", engine: "Engine", keys: "Keys") -> "Guard":
    from consent_service.persistence.log.anchor import Anchor
    from consent_service.persistence.log.guard import Guard
    from consent_service.wiring import log_identity, utc_now

    # What it finds is said below, and not by its alarm too.
    logging.getLogger("consent_service").addHandler(logging.NullHandler())
    identity = log_identity(settings, keys)
    anchor = Anchor(settings.anchor_file)
    return Guard(engine, anchor, lambda: identity, utc_now, lambda _: None)


def _look_at_organisations(examined: Examined, settings: "Settings", engine: "Engine") -> None:
    """Those that the settings name: they may be registered later, over HTTP."""
    import sqlalchemy as sa

    from consent_service.persistence.catalogue.tables import organisation

    if settings.staff is None:
        return
    named = {settings.staff.organisation, *settings.staff.organisations.values()}
    named |= {one.organisation or "" for one in settings.staff.roles.values()}
    with engine.connect() as connection:
        known = set(connection.scalars(sa.select(organisation.c.id)))
    examined.notes += [
        f"CONSENT_STAFF_…: the organisation {one} is not registered yet"
        for one in sorted(named - known - {""})
    ]


def _ask_providers(examined: Examined, settings: "Settings") -> None:
    """Whether each provider's discovery document can be had, and is its own."""
    from consent_service.config import OIDC, STAFF_OIDC
    from consent_service.identity.addresses import is_safe_address
    from consent_service.identity.openid_provider import LoginRefused, OpenIdProvider

    for prefix, provider in ((OIDC, settings.signer_provider), (STAFF_OIDC, settings.staff)):
        if provider is None or not is_safe_address(provider.issuer):
            continue
        asked, now = OpenIdProvider(provider.issuer, DISCOVERY_SECONDS), datetime.now(UTC)
        try:
            asked.endpoints(now)
            asked.keys(now)
        except LoginRefused as refused:
            examined.doubts.note(f"{prefix}ISSUER: {refused.detail}")
        else:
            examined.looked_at.append(f"what {prefix}ISSUER publishes")
