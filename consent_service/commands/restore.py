"""`consent-service restore`: bring in a database that was put back from an older copy."""

from typing import TYPE_CHECKING

import click

from consent_service.commands.assembled import assembled_parts, verify_with_keys
from consent_service.errors import Misconfigured

if TYPE_CHECKING:
    from consent_service.persistence.log.restoring import Standing
    from consent_service.services.rights.erase import Approval
    from consent_service.wiring import Parts


@click.command()
@click.option("--org", "organisation", required=True, help="Who runs the service: its log has it.")
@click.option("--performed-by", required=True, help="The id of the employee who restores.")
@click.option("--approved-by", required=True, help="The id of the employee who approved it.")
@click.option("--reason", required=True, help="Why, in words that name nobody.")
@click.option(
    "--although-it-agrees",
    is_flag=True,
    help="The database holds all that the anchor says, and is an older copy all the same.",
)
def restore(
    organisation: str, performed_by: str, approved_by: str, reason: str, although_it_agrees: bool
) -> None:
    """Bring in a database that was put back from an older copy. Stop the service first.

    Set CONSENT_LOG_ORIGIN to a name that the log never had. What had been erased is erased again,
    clients are suspended, sessions end, and consents are held until the controllers have looked.
    Stopped in between, it goes on when it is started again.
    """
    from consent_service.persistence.log.restoring import anchor_new_name, standing
    from consent_service.services.rights.erase import Approval

    approval = Approval(performed_by, approved_by, reason)
    approval.check()
    with assembled_parts(is_examined=True) as parts:
        if not parts.anchor.hold():
            raise Misconfigured("another process signs the log: stop the service first")
        engine, identity = parts.units.engine, parts.log_identity()
        found = standing(engine, parts.anchor, parts.guard, identity)
        if not found.is_named:
            if found.agrees and not although_it_agrees:
                raise Misconfigured(
                    "this database holds all that the anchor says: nothing shows that it is an "
                    "older copy. If it is one, say --although-it-agrees"
                )
            _verify(parts, found)
            _bring_in(parts, organisation, found, approval)
        kept = anchor_new_name(engine, parts.anchor, identity, parts.signer)
    click.echo(f"The anchor is the checkpoint of {kept.size} entries of {kept.origin}.")
    click.echo("Start the service; then confirm its clients: consent-service clients confirm ID.")


def _verify(parts: "Parts", found: "Standing") -> None:
    """The copy by itself, under its own name and as of its end. Raises Misconfigured."""
    report = verify_with_keys(parts, copy=(found.name, found.ends))
    for finding in report.findings:
        click.echo(f"{finding.kind}: {finding.place}: {finding.detail}")
    if report.findings:
        raise Misconfigured("the log of this copy does not verify: nothing was changed")


def _bring_in(parts: "Parts", organisation: str, found: "Standing", approval: "Approval") -> None:
    from consent_service.services.access.end_staff_sessions import end_staff_sessions
    from consent_service.services.access.manage_clients import suspend_all
    from consent_service.services.kernel.model import Caller
    from consent_service.services.rights.erased import LostErasure
    from consent_service.services.rights.restore import KnownOutside, bring_in

    said = parts.anchor.journal.read()
    # Whether one that nobody finished was committed, this copy cannot tell: so it was.
    lost = [
        LostErasure(one.erasure, one.entries, one.keys)
        for one in (*said.done.values(), *said.open.values())
    ]
    parts.guard.set_aside()
    with parts.units.writing() as uow:
        known = KnownOutside(found.note, found.anchored.size, found.name, lost)
        done = bring_in(uow, parts.context, organisation, known, approval)
        operator = Caller("operator", "command-line")
        suspended = suspend_all(
            uow, parts.context, operator, organisation, above=said.largest_epoch
        )
        end_staff_sessions(uow, parts.context, operator, None)
        uow.commit()
    click.echo(f"The log goes on from entry {done.first_index} on; the restore is {done.entry}.")
    click.echo(f"Clients suspended: {suspended}.")
    for erased in done.erased:
        click.echo(
            f"Erased again: {erased.rows.entries} entries; the log's entry is {erased.entry}."
        )
