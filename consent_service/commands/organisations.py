"""`consent-service organisations …`: the parties of this deployment, as families read of them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from consent_service.commands.assembled import assembled_parts
from consent_service.errors import NotFound

KINDS = ("municipality", "child_psychiatry", "paediatrics", "general_practice", "other")
IDENTIFIERS = ("cvr", "sor", "ydernummer", "gln")

CONFIRMATION = click.Choice(["any", "login"])
PHONE = click.option("--phone", help="What a family calls. Empty: none.")
EMAIL = click.option("--email", help="Where a family writes to. Empty: none.")
DESCRIPTIONS = click.option(
    "--description",
    "descriptions",
    multiple=True,
    metavar="LANGUAGE=WORDS",
    help="What it is, in words for families: da=… May be repeated.",
)
NUMBERS = click.option(
    "--identifier",
    "identifiers",
    multiple=True,
    metavar="KIND=NUMBER",
    help=f"A registered number, one of {', '.join(IDENTIFIERS)}: cvr=… May be repeated.",
)


@click.group()
def organisations() -> None:
    """The organisations of this deployment."""


@organisations.command("add")
@click.argument("id_", metavar="ID")
@click.argument("name")
@click.option("--kind", required=True, type=click.Choice(KINDS))
@PHONE
@EMAIL
@DESCRIPTIONS
@NUMBERS
@click.option(
    "--confirmation",
    default="any",
    show_default=True,
    type=CONFIRMATION,
    help="login: what one employee recorded is confirmed by another login, never by a client.",
)
def add(id_: str, name: str, kind: str, confirmation: str, **told: Any) -> None:
    """Register an organisation, as the operator does over HTTP.

    ID is a slug for good, NAME what families read.
    """
    from consent_service.services.catalogue.register_organisation import register_organisation
    from consent_service.services.kernel.model import Caller

    members = {"id": id_, "name": name, "kind": kind, "confirmation": confirmation}
    organisation = _organisation(members | _members(None, told))
    with assembled_parts() as parts, parts.units.writing() as uow:
        operator = Caller("operator", "command-line")
        register_organisation(uow, parts.context, operator, organisation)
        uow.commit()


@organisations.command("list")
def list_() -> None:
    """Print every organisation as a line of JSON."""
    after: str | None = None
    with assembled_parts() as parts, parts.units.reading() as uow:
        while page := uow.catalogue.organisations(after, 200):
            for one in page:
                click.echo(_line(one))
            after = page[-1].id


@organisations.command("show")
@click.argument("id_", metavar="ID")
def show(id_: str) -> None:
    """Print one organisation as JSON."""
    with assembled_parts() as parts, parts.units.reading() as uow:
        found = uow.catalogue.organisation(id_)
    if found is None:
        raise NotFound(f"There is no organisation {id_!r}.")
    click.echo(_line(found))


@organisations.command("edit")
@click.argument("id_", metavar="ID")
@click.option("--name", help="What families read.")
@PHONE
@EMAIL
@DESCRIPTIONS
@NUMBERS
@click.option("--confirmation", type=CONFIRMATION)
def edit(id_: str, name: str | None, confirmation: str | None, **told: Any) -> None:
    """Change what is said of an organisation; what is not named stays as it is.

    Consents that were asked for before keep what was said then. Empty words take something away.
    """
    from consent_service.services.catalogue.change_organisation import change_organisation
    from consent_service.services.kernel.model import Caller

    with assembled_parts() as parts, parts.units.writing() as uow:
        held = uow.catalogue.hold_organisation(id_)
        if held is None:
            raise NotFound(f"There is no organisation {id_!r}.")
        members = {
            "id": held.id,
            "name": held.name if name is None else name,
            "kind": held.kind,
            "confirmation": confirmation or held.confirmation,
        }
        wanted = _organisation(members | _members(held, told))
        operator = Caller("operator", "command-line")
        changed = change_organisation(uow, parts.context, operator, wanted)
        uow.commit()
    click.echo(_line(wanted) if changed else "Nothing of it is changed.")


def _organisation(members: dict[str, Any]) -> Any:
    """The organisation of checked members. Raises InvalidInput or click's UsageError."""
    from consent_service.api.catalogue.schemas import OrganisationBody
    from consent_service.api.http.body import load
    from consent_service.commands.purposes import check_slugs
    from consent_service.services.catalogue.model import Organisation

    check_slugs([members["id"]])
    return Organisation(**load(OrganisationBody(), members))


def _members(before: Any, told: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of an organisation before, if any, with what is told now."""
    ways = {way: told[way] or None for way in ("phone", "email") if told[way] is not None}
    described = _pairs(told["descriptions"], "--description")
    numbers = _pairs(told["identifiers"], "--identifier")
    return {
        "descriptions": _changed(before.descriptions if before else {}, described),
        "contact": {**(before.contact if before else {}), **ways},
        "identifiers": _changed(before.identifiers if before else {}, numbers),
    }


def _changed(before: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """Empty words take something away."""
    return {name: value for name, value in {**before, **told}.items() if value}


def _pairs(told: Iterable[str], option: str) -> dict[str, str]:
    pairs = {}
    for one in told:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise click.UsageError(f"{option} is a name and a value with = between them.")
        pairs[name] = value
    return pairs


def _line(organisation: Any) -> str:
    shown = {"id": organisation.id, **organisation.as_registered()}
    return json.dumps(shown, ensure_ascii=False)
