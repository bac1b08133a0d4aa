"""`consent-service erase` and `retention`: forget a child, or all that has had its time."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, TYPE_CHECKING

import click

from consent_service.commands.assembled import assembled_parts, verify_with_keys
from consent_service.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from consent_service.domain.kernel.cpr import CprNumber
    from consent_service.domain.rights.forgetting import RetentionRule
    from consent_service.services.rights.erase import Approval, ChildPlan
    from consent_service.wiring import Parts

CHILDREN_AT_ONCE = 200
"""So many children share one erasure's entry and transaction."""


@click.command()
@click.option("--controller", required=True, help="The organisation whose data it is.")
@click.option("--child-file", type=click.File(), help="Holds the CPR number; - is standard input.")
@click.option("--retention", is_flag=True, help="What has had its time by the controller's rule.")
@click.option("--dry-run", is_flag=True, help="Only say what would go, and what stays.")
@click.option("--performed-by", help="The id of the employee who erases.")
@click.option("--approved-by", help="The id of the employee who approved it: somebody else.")
@click.option("--reason", help="Why, in words that name nobody.")
def erase(
    controller: str,
    child_file: IO[str] | None,
    retention: bool,
    dry_run: bool,
    performed_by: str | None,
    approved_by: str | None,
    reason: str | None,
) -> None:
    """Erase one child, or what has had its time, so that the log still verifies.

    Verifies the whole log before and after, and refuses to begin when it does not verify.
    """
    from consent_service.services.rights.erase import Approval

    if retention == (child_file is not None):
        raise click.UsageError("Say either --child-file or --retention.")
    cpr = _read_number(child_file) if child_file else None
    approval = None if dry_run else Approval(performed_by or "", approved_by or "", reason or "")
    if approval is not None:
        approval.check()
    with assembled_parts() as parts:
        rule = None if cpr is not None else _rule(parts, controller)
        planned = _plan(parts, controller, cpr, rule)
        planned.describe()
        if approval is None:
            click.echo("Nothing was changed.")
            return
        _verify(parts, "before: nothing was erased")
        for entry in _carry_out(parts, controller, planned, cpr, rule, approval):
            click.echo(f"Erased; the log's entry is {entry}.")
        _clean(parts)
        _verify(parts, "AFTER the erasure")


@click.group()
def retention() -> None:
    """How long each controller keeps consents and its log."""


@retention.command("set")
@click.option("--controller", required=True)
@click.option("--consents-years", required=True, type=click.IntRange(1, 100))
@click.option("--log-years", required=True, type=click.IntRange(1, 100))
@click.option("--performed-by", required=True, help="The id of the employee who decided it.")
def retention_set(controller: str, consents_years: int, log_years: int, performed_by: str) -> None:
    """Say how many years after its end a consent is kept, and how many a log entry."""
    from consent_service.domain.rights.forgetting import RetentionRule
    from consent_service.services.rights.erase import set_retention

    rule = RetentionRule(consents_years, log_years)
    with assembled_parts() as parts, parts.units.writing() as uow:
        set_retention(uow, parts.context, controller, rule, performed_by)
        uow.commit()


@retention.command("show")
@click.option("--controller", required=True)
def retention_show(controller: str) -> None:
    """Show a controller's rule."""
    with assembled_parts() as parts:
        rule = _rule(parts, controller)
    click.echo(f"consents: {rule.consents_years} years after their end")
    click.echo(f"log: {rule.log_years} years")


def _read_number(child_file: IO[str]) -> "CprNumber":
    from consent_service.domain.kernel.cpr import parse_cpr

    return parse_cpr(child_file.read().strip())


def _rule(parts: "Parts", controller: str) -> "RetentionRule":
    with parts.units.reading() as uow:
        rule = uow.erasures.rule(controller)
    if rule is None:
        raise NotFound("This organisation has no retention rule: consent-service retention set.")
    return rule


@dataclass
class _Planned:
    """How much would go, counted while it is planned: the plans themselves may be too many."""

    children: list[str] = field(default_factory=list)
    whole: int = 0
    consents: int = 0
    entries: int = 0
    live: int = 0
    needed: int = 0
    taken: int = 0

    def add(self, plan: "ChildPlan") -> None:
        self.needed += len(plan.needed)
        if plan.is_empty:
            return
        self.children.append(plan.forgotten.child)
        self.whole += plan.forgotten.is_whole
        self.consents += len(plan.forgotten.consents)
        self.entries += len(plan.entries)
        self.live += len(plan.live)

    def describe(self) -> None:
        click.echo(f"To erase: {len(self.children)} children, of them {self.whole} whole;")
        click.echo(f"{self.consents} consents, {self.entries} log entries.")
        if self.taken:
            click.echo(f"Stops taken about children, whoever asked about them: {self.taken}.")
        if self.live:
            click.echo(
                f"Of these consents {self.live} are live: they end, and permit nothing more."
            )
        if self.needed:
            click.echo(f"Consents that have to stay: {self.needed}. A denial said under them stops")
            click.echo("a live consent; forgotten, it would turn a no into a yes. They can go when")
            click.echo("that one ends.")


def _plan(
    parts: "Parts", controller: str, cpr: "CprNumber | None", rule: "RetentionRule | None"
) -> _Planned:
    from consent_service.services.rights.erase import (
        plan_for_child,
        plan_for_retention,
        taken_before,
    )

    planned = _Planned()
    with parts.units.reading() as uow:
        if cpr is not None:
            whole, taken = plan_for_child(uow, parts.context, controller, cpr)
            planned.taken = len(taken)
            if whole is not None:
                planned.add(whole)
        elif rule is not None:
            planned.taken = len(taken_before(uow, parts.context, controller, rule))
            for plan in plan_for_retention(uow, parts.context, controller, rule):
                planned.add(plan)
    return planned


def _carry_out(
    parts: "Parts",
    controller: str,
    planned: _Planned,
    cpr: "CprNumber | None",
    rule: "RetentionRule | None",
    approval: "Approval",
) -> list[str]:
    """Erase, one transaction for each entry; the ids of the entries."""
    from consent_service.services.rights.erase import erase_by_retention, erase_child

    if cpr is not None:
        with parts.units.writing() as uow:
            erased = erase_child(uow, parts.context, controller, cpr, approval)
            uow.commit()
        return [erased.entry]
    if rule is None:
        raise InvalidInput.field("/retention", "There is no rule to erase by.")
    entries = []
    for children in _batches(planned.children):
        with parts.units.writing() as uow:
            some = erase_by_retention(uow, parts.context, controller, rule, children, approval)
            uow.commit()
        if some is not None:
            entries.append(some.entry)
    return entries


def _batches(children: Iterable[str]) -> Iterable[list[str]]:
    """At least one: what is about no child the controller knows goes with the first."""
    remaining = iter(children)
    yield list(islice(remaining, CHILDREN_AT_ONCE))
    while batch := list(islice(remaining, CHILDREN_AT_ONCE)):
        yield batch


def _clean(parts: "Parts") -> None:
    from consent_service.persistence.rights.scrubbing import scrub

    parts.grow()
    if left := scrub(parts.units.engine):
        click.echo(left)


def _verify(parts: "Parts", when: str) -> None:
    report = verify_with_keys(parts, workers=1)
    for finding in report.findings:
        click.echo(f"{finding.kind}: {finding.place}: {finding.detail}")
    if report.findings:
        click.echo(f"THE LOG DOES NOT VERIFY {when}.")
        sys.exit(1)
    click.echo(f"The log verifies: {report.entries} entries, {report.erased} of them erased.")
