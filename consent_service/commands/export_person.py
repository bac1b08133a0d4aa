"""`consent-service export-person`: what one controller knows about a person (GDPR Article 15)."""

import json
from typing import IO, Any, Literal

import click

from consent_service.commands.assembled import assembled_parts


@click.command("export-person")
@click.option("--controller", required=True, help="The organisation that answers.")
@click.option(
    "--person-file", required=True, type=click.File(), help="The CPR number; - is standard input."
)
@click.option("--performed-by", required=True, help="The id of the employee who makes it.")
@click.option("--for", "audience", default="citizen", type=click.Choice(["citizen", "dpo"]))
@click.option("--format", "format_", default="json", type=click.Choice(["json", "html"]))
@click.option("--language", default="da", type=click.Choice(["da", "en"]))
def export_person(
    controller: str,
    person_file: IO[str],
    performed_by: str,
    audience: Literal["citizen", "dpo"],
    format_: str,
    language: Literal["da", "en"],
) -> None:
    """Write a person's export to standard output; making it is itself logged.

    The citizen's copy names no employee; the data-protection officer's does.
    """
    from consent_service.domain.kernel.cpr import parse_cpr
    from consent_service.domain.kernel.employee import verify_employee_id
    from consent_service.services.kernel.model import Employee
    from consent_service.services.rights.export_subject import SubjectRequest, export_subject
    from consent_service.web.rights.subject_page import subject_page

    verify_employee_id("/performed_by", performed_by)
    number = parse_cpr(person_file.read().strip())
    employee = Employee(performed_by, performed_by)
    asked = SubjectRequest(controller, number, audience, employee, client="command-line")
    with assembled_parts() as parts, parts.units.writing() as uow:
        export: dict[str, Any] = export_subject(uow, parts.context, asked)
        uow.commit()
    text = (
        subject_page(export, language)
        if format_ == "html"
        else json.dumps(export, ensure_ascii=False, indent=1)
    )
    click.echo(text)
