"""`consent-service purposes …` and `categories …`: what templates of this deployment may name."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from consent_service.commands.assembled import assembled_parts

if TYPE_CHECKING:
    from consent_service.services.kernel.context import Context
    from consent_service.services.kernel.model import Caller
    from consent_service.services.units import UnitOfWork

ORG = click.option(
    "--org",
    help="In whose log it stands: that of the organisation that runs the service. "
    "Default: CONSENT_STAFF_ORGANISATION.",
)


@click.group()
def purposes() -> None:
    """The purposes that templates may name, and which of them overlap."""


@purposes.command("add")
@click.argument("purpose")
@click.option(
    "--overlaps",
    default="",
    metavar="PURPOSES",
    help="Registered purposes that mean the same in part, with commas between them.",
)
@ORG
def add_purpose(purpose: str, overlaps: str, org: str | None) -> None:
    """Register a purpose for good.

    A no for one purpose stops disclosures for those that overlap it, from now on, whenever the no
    was said. An overlap is never taken back.
    """
    from consent_service.services.catalogue.register_slugs import register_purpose

    others = tuple(filter(None, overlaps.split(",")))
    check_slugs((purpose, *others))
    with _operator(org) as (uow, context, caller, organisation):
        register_purpose(uow, context, caller, organisation, purpose, others)


@purposes.command("overlap")
@click.argument("one")
@click.argument("other")
@ORG
def overlap(one: str, other: str, org: str | None) -> None:
    """Two registered purposes overlap from now on, for good."""
    from consent_service.services.catalogue.register_slugs import register_overlap

    check_slugs((one, other))
    with _operator(org) as (uow, context, caller, organisation):
        register_overlap(uow, context, caller, organisation, one, other)


@purposes.command("list")
def list_purposes() -> None:
    """Print every purpose, with those that overlap it, as a line of JSON."""
    with assembled_parts() as parts, parts.units.reading() as uow:
        for one in uow.register.purposes():
            since = one.registered_at.isoformat()
            listed = {"id": one.id, "overlaps": one.overlaps, "registered_at": since}
            click.echo(json.dumps(listed))


@click.group()
def categories() -> None:
    """The categories of information that templates may name."""


@categories.command("add")
@click.argument("added", metavar="CATEGORY...", nargs=-1, required=True)
@ORG
def add_categories(added: tuple[str, ...], org: str | None) -> None:
    """Register categories for good, all of these or none."""
    from consent_service.services.catalogue.register_slugs import register_categories

    check_slugs(added)
    with _operator(org) as (uow, context, caller, organisation):
        register_categories(uow, context, caller, organisation, added)


@categories.command("list")
def list_categories() -> None:
    """Print every category as a line of JSON."""
    with assembled_parts() as parts, parts.units.reading() as uow:
        for one in uow.register.categories():
            since = one.registered_at.isoformat()
            click.echo(json.dumps({"id": one.id, "registered_at": since}))


def check_slugs(slugs: Iterable[str]) -> None:
    """Raise click's UsageError for what is no id."""
    from consent_service.api.http.fields import SLUG

    for slug in slugs:
        if SLUG.fullmatch(slug) is None:
            detail = "is not 1 to 64 lower-case letters, digits and hyphens, as every id here."
            raise click.UsageError(f"{slug!r} {detail}")


@contextmanager
def _operator(org: str | None) -> "Iterator[tuple[UnitOfWork, Context, Caller, str]]":
    """A unit of work in the operator's name, kept where nothing goes wrong, and whose log it is."""
    from consent_service.services.kernel.model import Caller

    with assembled_parts(staff=True) as parts, parts.units.writing() as uow:
        staff = parts.settings.staff
        organisation = org or (staff.organisation if staff else None)
        if organisation is None:
            raise click.UsageError("Say with --org which organisation runs the service.")
        yield uow, parts.context, Caller("operator", "command-line"), organisation
        uow.commit()
