"""What one organisation may have done about a child is limited, and takes nothing from another."""

from typing import Any

import pytest
import sqlalchemy as sa

from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.limits import LIMITS, Limit, Limited
from consent_service.persistence.children.tables import child, person
from consent_service.persistence.keys.tables import data_key
from consent_service.services.consents import list_consents
from tests.api import test_custody as custody_tests
from tests.api import test_exemptions as exemption_tests
from tests.api import test_lifts as lift_tests
from tests.api import test_papers as paper_tests
from tests.api.families import BOTH, CHILD, SIBLING, facts_about
from tests.deployment import COLLEAGUE, EMPLOYEE, Deployment
from tests.deployment import person as named

X, Z = "municipality-x", "municipality-z"
PAIRS = ("gp-y", "paediatrics", "child-psychiatry")
DAY, TODAY = 24 * 60 * 60, "2026-11-23"
COUNTED = set(Limited) - {Limited.LINK, Limited.NEW_CHILD}
"""Facts about one child."""


def small(
    monkeypatch: pytest.MonkeyPatch, kind: Limited, a_day: int, a_year: int | None = None
) -> None:
    """Fewer than in truth, so that a test reaches them."""
    limits = (Limit(a_day, 1), *([Limit(a_year, 365)] if a_year else []))
    monkeypatch.setitem(LIMITS, kind, limits)  # type: ignore[arg-type]  # a dict


def record_paper(service: Deployment, consent: dict[str, Any], **changes: Any) -> Any:
    return paper_tests.record(service, consent, **changes)


def assert_full(answer: Any, kind: Limited, days: int = 1) -> None:
    """Refused, with the one code, for so long as it takes the oldest to be that old."""
    assert (answer.status_code, answer.json["code"]) == (429, "limit_reached"), answer.json
    (limit,) = [limit for limit in LIMITS[kind] if limit.days == days]
    told = {name: answer.json[name] for name in ("of", "most", "days")}
    assert told == {"of": kind.value, "most": limit.most, "days": days}
    assert 0 < int(answer.headers["Retry-After"]) <= days * DAY


def ask_again(service: Deployment, org: str = X) -> Any:
    """Ask for the same once more, and take it back: it is no longer live."""
    body = service.request_body(parties=[org, "gp-y"])
    answer = service.post("/v1/consents", body, org=org)
    if answer.status_code == 201:
        path = f"/v1/consents/{answer.json['id']}/cancellation"
        assert (
            service.post(path, {"reason": "other", "performed_by": EMPLOYEE}, org=org).status_code
            == 200
        )
    return answer


def change_custody(service: Deployment, org: str = X, **more: Any) -> Any:
    known = BOTH | {"as_of": local_date(service.clock.now).isoformat()}
    return custody_tests.change(service, known, org=org, **more)


# -- each kind ---------------------------------------------------------------------------------


def test_papers_of_a_day_are_limited_and_the_next_day_has_room(service: Deployment) -> None:
    asked = service.ask()
    for _ in range(LIMITS[Limited.PAPER_GRANT][0].most):
        assert record_paper(service, asked).status_code == 201
    assert_full(record_paper(service, asked), Limited.PAPER_GRANT)
    service.clock.forward(hours=24)
    assert record_paper(service, asked).status_code == 201


def test_retry_after_is_when_there_is_room(
    service: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, Limited.PAPER_GRANT, 2, 9)
    asked = service.ask()
    record_paper(service, asked)
    service.clock.forward(hours=10)
    record_paper(service, asked)
    refused = record_paper(service, asked)
    assert_full(refused, Limited.PAPER_GRANT)
    wait = int(refused.headers["Retry-After"])
    assert wait <= 14 * 60 * 60
    service.clock.forward(seconds=wait)
    assert record_paper(service, asked).status_code == 201


def test_requests_are_limited_and_a_year_later_there_is_room(
    service: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, Limited.REQUEST, 2, 3)
    assert [ask_again(service).status_code for _ in range(2)] == [201, 201]
    assert_full(ask_again(service), Limited.REQUEST)
    service.clock.forward(hours=25)
    assert ask_again(service).status_code == 201
    refused = ask_again(service)
    assert_full(refused, Limited.REQUEST, days=365)
    service.clock.forward(seconds=int(refused.headers["Retry-After"]))
    assert ask_again(service).status_code == 201
    other = service.post(
        "/v1/consents",
        service.request_body(child=named(SIBLING.cpr, "Bo Test", birth_date=SIBLING.birth_date)),
    )
    assert other.status_code == 201, "about another child there is room"


def test_exemptions_are_limited(service: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, Limited.EXEMPTION, 2, 3)
    asked = service.ask()
    made = [exemption_tests.record(service, asked) for _ in range(2)]
    assert_full(exemption_tests.record(service, asked), Limited.EXEMPTION)
    service.clock.forward(hours=25)
    assert exemption_tests.record(service, asked).status_code == 201
    assert_full(exemption_tests.record(service, asked), Limited.EXEMPTION, days=365)
    confirmed = exemption_tests.follow(service, asked, made[0].json["id"])
    assert confirmed.status_code == 200
    revoked = exemption_tests.follow(service, asked, made[0].json["id"], "revocation")
    assert revoked.status_code == 200


def test_a_wrong_custody_change_is_corrected_though_there_is_no_room_for_another(
    service: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, Limited.CUSTODY_CHANGE, 2, 2)
    small(monkeypatch, Limited.CUSTODY_CORRECTION, 1, 2)
    service.ask()
    first, second = (change_custody(service).json["id"] for _ in range(2))
    assert_full(change_custody(service), Limited.CUSTODY_CHANGE, days=365)
    right = change_custody(service, corrects=first)
    assert right.status_code == 201
    assert_full(change_custody(service, corrects=second), Limited.CUSTODY_CORRECTION)
    service.clock.forward(hours=25)
    assert change_custody(service, corrects=second).status_code == 201
    again = change_custody(service, corrects=right.json["id"])
    assert_full(again, Limited.CUSTODY_CORRECTION, days=365)


def test_links_are_limited_and_the_last_ones_live(
    service: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, Limited.LINK, 4)
    asked = service.ask()
    path = f"/v1/consents/{asked['id']}/links"
    last = service.post(path, {"performed_by": EMPLOYEE})
    assert last.status_code == 200
    assert_full(service.post(path, {"performed_by": EMPLOYEE}), Limited.LINK)
    token = last.json["signatories"][0]["signing_url"].rsplit("/", 1)[1]
    with service.parts.units.reading() as uow:
        link = uow.links.find(token)
    assert link is not None
    assert link.replaced_at is None
    service.clock.forward(hours=24)
    assert service.post(path, {"performed_by": EMPLOYEE}).status_code == 200


# -- whose room it is ----------------------------------------------------------------------------


def used_up_by(service: Deployment, org: str) -> dict[str, Any]:
    """An organisation did all it may about the child; its last live consent."""
    asked = service.ask(org, parties=[org, "paediatrics"])
    kept = service.post(
        f"/v1/consents/{asked['id']}/paper-grants", paper_tests.body(asked), org=org
    )
    assert kept.status_code == 201
    exemption = exemption_body(asked)
    assert (
        service.post(f"/v1/consents/{asked['id']}/exemptions", exemption, org=org).status_code
        == 201
    )
    change = change_custody(service, org)
    assert change.status_code == 201
    assert change_custody(service, org, corrects=change.json["id"]).status_code == 201
    return asked


def exemption_body(asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "signatory": asked["signatories"][1]["id"],
        "reason": "other",
        "provision": "§ 1",
        "evidence_reference": "journal-1",
        "performed_by": EMPLOYEE,
    }


@pytest.fixture
def one_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is used up by the first."""
    for kind in COUNTED:
        small(monkeypatch, kind, 1, 1)


@pytest.mark.usefixtures("one_of_each")
def test_what_one_organisation_uses_up_another_has(service: Deployment) -> None:
    spent = used_up_by(service, Z)
    path = f"/v1/consents/{spent['id']}"
    for answer in (
        service.post(f"{path}/paper-grants", paper_tests.body(spent), org=Z),
        service.post(f"{path}/exemptions", exemption_body(spent), org=Z),
        change_custody(service, Z),
        ask_again(service, Z),
    ):
        assert (answer.status_code, answer.json["code"]) == (429, "limit_reached")
    used_up_by(service, X)


@pytest.mark.usefixtures("one_of_each")
def test_with_everything_used_up_whatever_stops_or_ends_still_passes(service: Deployment) -> None:
    asked = used_up_by(service, X)
    path = f"/v1/consents/{asked['id']}"
    by = {"performed_by": EMPLOYEE}
    no = paper_tests.body(asked, decision="decline")
    noes = [service.post(f"{path}/paper-grants", no) for _ in range(3)]
    assert [answer.status_code for answer in noes] == [201] * 3
    lifts = [
        service.post(f"{path}/lifts", lift_tests.draft(asked, signed_on=TODAY)) for _ in range(3)
    ]
    assert [answer.status_code for answer in lifts] == [201] * 3
    rejected = service.post(f"{path}/paper-grants/{noes[0].json['id']}/rejection", by)
    assert rejected.status_code == 200
    confirmed = service.post(
        f"{path}/paper-grants/{noes[1].json['id']}/confirmation", {"performed_by": COLLEAGUE}
    )
    assert confirmed.status_code == 200
    service.act(asked["id"], "custody_holder", "decline", nth=0)
    service.act(asked["id"], "custody_holder", "grant", nth=0)
    withdrawal = {"signatory": asked["signatories"][0]["id"], "channel": "oral", **by}
    assert service.post(f"{path}/withdrawals", withdrawal).status_code == 201
    cancelled = service.post(f"{path}/cancellation", {"reason": "mistake", **by})
    assert cancelled.status_code == 200


# -- what is never refused ------------------------------------------------------------------------


def read_for_a_decision(service: Deployment) -> int:
    """How many facts about the child a decision reads."""
    with service.parts.units.reading() as uow:
        snapshot = uow.children.snapshot_by_cpr(CprNumber(CHILD.cpr))
        assert snapshot is not None
        return len(snapshot.history.facts)


def test_papers_that_count_for_nothing_cost_no_decision_anything(service: Deployment) -> None:
    service.in_force()
    asked = service.ask(Z, parties=[Z, "paediatrics"])
    path = f"/v1/consents/{asked['id']}"
    before = read_for_a_decision(service)
    for number in range(30):
        no = paper_tests.body(asked, decision="decline")
        recorded = service.post(f"{path}/paper-grants", no, org=Z)
        assert recorded.status_code == 201
        if number % 2:
            rejection = f"{path}/paper-grants/{recorded.json['id']}/rejection"
            assert service.post(rejection, {"performed_by": EMPLOYEE}, org=Z).status_code == 200
        lift = service.post(f"{path}/lifts", lift_tests.draft(asked, signed_on=TODAY), org=Z)
        assert lift.status_code == 201
    assert len(facts_about(service)) == before + 75
    # The newest is read, whatever it is, so that the decision is later (R8).
    assert read_for_a_decision(service) == before + 1
    assert service.disclose().status_code == 201


def test_nothing_is_decided_before_a_paper_that_it_does_not_depend_on(
    service: Deployment,
) -> None:
    service.in_force()
    asked = service.ask(Z, parties=[Z, "paediatrics"])
    service.clock.forward(hours=1)
    no = paper_tests.body(asked, decision="decline")
    path = f"/v1/consents/{asked['id']}/paper-grants"
    assert service.post(path, no, org=Z).status_code == 201
    service.clock.forward(seconds=-60)
    assert service.disclose().status_code == 503, "the clock is behind"


# -- children that are new ----------------------------------------------------------------------


def rows(service: Deployment) -> tuple[int, ...]:
    with service.parts.units.reading() as uow:
        connection = uow.connection  # type: ignore[attr-defined]  # the one behind the stores
        return tuple(
            connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in (child, person, data_key)
        )


def decide(service: Deployment, cpr: str, org: str = "gp-y") -> Any:
    body = service.disclosure_body(child={"cpr": cpr})
    for name in ("document", "channel"):
        del body[name]
    return service.post("/v1/decisions", body, org=org)


def disclose(service: Deployment, cpr: str, **more: Any) -> Any:
    return service.disclose(child={"cpr": cpr}, **more)


def search(service: Deployment, cpr: str) -> Any:
    return service.post("/v1/consents/search", {"child": {"cpr": cpr}}, org="gp-y")


UNKNOWN = tuple(f"0{day}0116400{day}" for day in range(1, 9))
OTHER_BASIS = {"type": "vital_interest", "provision": "§ 1", "justification": "because"}


def test_a_search_adds_nobody(service: Deployment) -> None:
    before = rows(service)
    assert search(service, UNKNOWN[0]).json["items"] == []
    assert rows(service) == before


def test_children_new_to_an_organisation_are_limited_whether_or_not_others_know_them(
    service: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, Limited.NEW_CHILD, 3)
    service.ask(parties=[X, "paediatrics"])
    assert decide(service, UNKNOWN[0]).status_code == 200
    assert disclose(service, UNKNOWN[1]).status_code == 403
    assert disclose(service, UNKNOWN[2], legal_basis=OTHER_BASIS).status_code == 201
    before = rows(service)
    for cpr in (*UNKNOWN[3:], CHILD.cpr):
        assert_full(decide(service, cpr), Limited.NEW_CHILD)
        assert_full(disclose(service, cpr), Limited.NEW_CHILD)
    assert rows(service) == before, "nothing was added"
    assert disclose(service, UNKNOWN[4], legal_basis=OTHER_BASIS).status_code == 201
    assert decide(service, UNKNOWN[0]).status_code == 200, "of whom it asked before it may ask"
    assert decide(service, UNKNOWN[3], org=X).status_code == 200, "another has room of its own"
    service.clock.forward(hours=24)
    assert decide(service, CHILD.cpr).status_code == 200


def test_a_consent_that_covers_the_caller_needs_no_room(
    service: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, Limited.NEW_CHILD, 1)
    service.in_force()
    assert decide(service, UNKNOWN[0]).status_code == 200
    assert decide(service, CHILD.cpr).json["decision"] == "permitted"
    assert service.disclose().status_code == 201


def test_requests_about_new_children_are_limited_with_the_rest(
    service: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, Limited.NEW_CHILD, 1)
    service.ask()
    body = service.request_body(child=named(SIBLING.cpr, "Bo Test", birth_date=SIBLING.birth_date))
    before = rows(service)
    assert_full(service.post("/v1/consents", body), Limited.NEW_CHILD)
    assert rows(service) == before
    again = service.post("/v1/consents", service.request_body(parties=[X, "gp-y"]))
    assert again.status_code == 201, "about a child it knows"


# -- lists ---------------------------------------------------------------------------------------


def pages(service: Deployment, query: str, org: str = X) -> list[Any]:
    """Every page of a list, followed to its end."""
    found, cursor = [], ""
    while True:
        page = service.get(f"/v1/consents?{query}{cursor}", org=org).json
        found.append(page["items"])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


@pytest.fixture
def short_walks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_consents, "MOST_WALKED", 3)
    monkeypatch.setattr(list_consents, "_READ_AT_LEAST", 3)


@pytest.mark.usefixtures("short_walks")
@pytest.mark.parametrize(
    "query",
    [
        "status=cancelled",
        "expires_before=2028-01-01T00:00:00Z",
        "deadline_before=2026-12-01",
        "status=superseded",
    ],
)
def test_a_page_walks_only_so_many_and_the_cursors_lead_to_all(
    service: Deployment, query: str
) -> None:
    for other in PAIRS:
        service.ask(parties=[X, other])
    late = service.ask(parties=[X, "gp-y", "paediatrics"], deadline="2026-11-25")["id"]
    service.act(late, "custody_holder")
    if query == "status=cancelled":
        cancelled = {"reason": "other", "performed_by": EMPLOYEE}
        assert service.post(f"/v1/consents/{late}/cancellation", cancelled).status_code == 200
    found = pages(service, f"{query}&limit=2")
    expected = [] if query == "status=superseded" else [late]
    assert [item["id"] for page in found for item in page] == expected
    assert len(found) > 1, "the first page ended before all were looked at"
    assert found[0] == []


@pytest.mark.usefixtures("short_walks")
def test_a_search_by_child_or_reference_is_answered_at_once(service: Deployment) -> None:
    made = [service.ask(parties=[X, other])["id"] for other in PAIRS]
    late = service.ask(parties=[X, "gp-y", "paediatrics"], case_reference="LATE")["id"]
    (found,) = pages(service, "case_reference=LATE")
    assert [item["id"] for item in found] == [late]
    body = {"child": {"cpr": CHILD.cpr}}
    page = service.post("/v1/consents/search", body).json
    assert [item["id"] for item in page["items"]] == [*made, late]
    assert page["next"] is None
    hidden = service.post("/v1/consents/search", body | {"limit": 1}, org="gp-y").json
    assert hidden == {"items": [], "next": None}, "no cursor tells that something is hidden"
