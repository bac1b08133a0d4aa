"""`consent-service templates …`: what an organisation asks with, version by version."""

import json
from importlib.resources import files
from typing import Any

import click

from consent_service.commands.assembled import assembled_parts
from consent_service.errors import NotFound

ORG = click.option("--org", required=True, help="The organisation that asks with it.")


@click.group()
def templates() -> None:
    """What organisations ask families with."""


@templates.command("add")
@click.argument("file", required=False, type=click.File("rb"))
@click.option("--default", "is_default", is_flag=True, help="The one that comes with the service.")
@ORG
def add(file: Any, is_default: bool, org: str) -> None:
    """Publish the next version of a template from a JSON FILE (- is standard input), for good.

    Its purpose and categories are registered first: purposes add, categories add. It is published
    in the organisation's name and log, as its own system does over HTTP.
    """
    from consent_service.api.catalogue.schemas import TemplateBody
    from consent_service.api.http.body import load
    from consent_service.services.catalogue.publish_template import publish_template
    from consent_service.services.kernel.model import Caller

    if (file is None) is not is_default:
        raise click.UsageError("Give a FILE or --default.")
    content = load(TemplateBody(), _content(_default() if is_default else file.read()))
    with assembled_parts() as parts, parts.units.writing() as uow:
        if not uow.catalogue.has_organisation(org):
            raise NotFound(f"There is no organisation {org!r}: organisations add.")
        made = publish_template(uow, parts.context, Caller(org, "command-line"), content)
        uow.commit()
    click.echo(_line(made))


@templates.command("list")
@ORG
def list_(org: str) -> None:
    """Print the newest version of each of an organisation's templates as a line of JSON."""
    after: str | None = None
    with assembled_parts() as parts, parts.units.reading() as uow:
        if not uow.catalogue.has_organisation(org):
            raise NotFound(f"There is no organisation {org!r}.")
        while page := uow.catalogue.templates(org, after, 200):
            for one in page:
                click.echo(_line(one))
            after = page[-1].id


def _default() -> bytes:
    return (files("consent_service") / "default_template.json").read_bytes()


def _content(text: bytes) -> Any:
    """The object that the file holds. Raises Malformed."""
    from consent_service.api.http.strict_json import parse_json
    from consent_service.errors import InvalidInput

    content = parse_json(text)
    if not isinstance(content, dict):
        raise InvalidInput.field("", "The file holds a JSON object.")
    return content


def _line(template: Any) -> str:
    return json.dumps(
        {
            **template.as_published(),
            "purpose": template.content["purpose"],
            "categories": template.content["categories"],
            "languages": sorted(template.languages),
            "published_at": template.published_at.isoformat(),
        }
    )
