"""The limits that the guide for municipal systems names are those of the code."""

from datetime import timedelta
from pathlib import Path

from consent_service.api.http.body import LARGEST_BODY
from consent_service.api.http.fields import PageQuery
from consent_service.config import LONGEST_TOKEN_MINUTES, MOST_LOOKUP_DAYS, Settings
from consent_service.domain.disclosures.decision import TIME_TO_START
from consent_service.domain.kernel.deadlines import Periods
from consent_service.domain.kernel.limits import LIMITS as LIMITED
from consent_service.domain.kernel.limits import Limited
from consent_service.identity.attempts import LIMITS
from consent_service.identity.client_assertion import LONGEST_LIFE
from consent_service.persistence.idempotency.answer_store import KEPT_FOR
from consent_service.persistence.log import walking
from consent_service.services.access.client import MOST_KEYS, MOST_SECRETS
from consent_service.services.children.family import MOST_HOLDERS
from consent_service.services.consents.list_consents import MOST_WALKED
from consent_service.services.insight.insight import SHOWN_AT_ONCE
from consent_service.services.signatures.identity import LOGIN_LASTS
from consent_service.web.signatures.visit import IDLE_AFTER, SESSION_LASTS

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "municipal-systems.md").read_text()
PERIODS = Periods()
MINUTE = timedelta(minutes=1)


def row(of: str) -> str:
    (found,) = [line for line in GUIDE.splitlines() if line.startswith(f"| {of}")]
    return found.split("|")[2]


def test_the_guide_says_how_much_room_an_organisation_has() -> None:
    told = {}
    for line in GUIDE.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and cells[2].strip("`") in set(Limited):
            told[cells[2].strip("`")] = cells[3:5]
    columns = {1: 0, 365: 1}
    expected = {kind.value: ["no limit", "no limit"] for kind in Limited}
    for kind, limits in LIMITED.items():
        for limit in limits:
            expected[kind.value][columns[limit.days]] = str(limit.most)
    assert told == expected


def test_the_guide_says_how_far_a_page_looks() -> None:
    assert row("consents · entries") == f" about {MOST_WALKED} · {walking.MOST_WALKED} "
    assert row("exchanges on one page").startswith(f" {SHOWN_AT_ONCE}, ")


def test_the_guide_says_what_the_code_does() -> None:
    (page,) = PageQuery().fields["limit"].validators
    tokens = Settings.__dataclass_fields__["token_lifetime"].default // MINUTE
    assert row("a body") == f" {LARGEST_BODY // 1024} KiB · {page.max} items "
    latest, default = PERIODS.latest_deadline_days, PERIODS.deadline_days
    assert row("a deadline") == f" {latest} days ahead; left out: {default} days "
    assert row("a request nobody") == f" lapses {PERIODS.grace_days} days after its deadline "
    assert row("a paper") == f" {PERIODS.oldest_paper_days} days "
    lookup = (
        f" {PERIODS.oldest_lookup_days} days (the operator may choose up to {MOST_LOOKUP_DAYS}) "
    )
    assert row("a look-up of custody") == lookup
    assert Settings.__dataclass_fields__["oldest_lookup_days"].default == PERIODS.oldest_lookup_days
    assert row("custody holders") == f" {MOST_HOLDERS} "
    assert row("a permitted disclosure") == f" {TIME_TO_START // MINUTE} minutes "
    assert row("an answer kept") == f" {KEPT_FOR // timedelta(hours=1)} hours "
    assert row("a token").startswith(f" {tokens} minutes (the operator may choose up to ")
    assert f" {LONGEST_TOKEN_MINUTES})" in row("a token")
    assert f" {LONGEST_LIFE // MINUTE} minutes, and one use" in row("a token")
    assert row("keys") == f" {MOST_KEYS} · {MOST_SECRETS} "
    session, idle, login = (one // MINUTE for one in (SESSION_LASTS, IDLE_AFTER, LOGIN_LASTS))
    assert row("a family's session") == f" {session} minutes · {idle} minutes · {login} minutes "
    refused = f" {LIMITS['token'].amount} · {LIMITS['client'].amount} a minute, then 429 "
    assert row("refused tokens") == refused
