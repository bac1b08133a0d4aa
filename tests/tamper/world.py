"""A deployment that has seen everything that leaves a row somewhere, kept at several moments.

It begins two years before its end, so that a retention rule has something to erase.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import Scope
from consent_service.domain.rights.forgetting import RetentionRule
from consent_service.persistence.schema import metadata
from consent_service.services.rights.erase import (
    Approval,
    erase_by_retention,
    erase_child,
    set_retention,
)
from tests.api.test_token_endpoint import assertion, by_key, register, with_secret
from tests.deployment import COLLEAGUE, EMPLOYEE, FATHER, MOTHER, PURPOSE, Deployment, template
from tests.deployment import person as named
from tests.web.family import FREDERIK, METTE, Signer, links, new_link
from tests.web.workplace import DORTHE, ZITA, Employee, Workplace, workplace

ALMA = "0103174321"
BO = named("020418-4321", "Bo Test", birth_date="2018-04-02")
CARL = "0305194321"
DORA = named("040620-4321", "Dora Test", birth_date="2020-06-04")
SILJE = named("1003114320", "Silje Test", birth_date="2011-03-10")
UNKNOWN = "0405164321"
APPROVAL = Approval("e1", "e2", "the family asked for it")
RULE = RetentionRule(consents_years=1, log_years=1)

Rows = Mapping[str, list[dict[str, Any]]]


@dataclass
class World:
    """The deployment, who is logged in at it, and its rows at several moments, the oldest first."""

    office: Workplace
    mother: Signer
    father: Signer
    dpo: Employee
    waiting: Employee
    waits_at: str = ""
    consents: list[str] = field(default_factory=list)
    moments: list[Rows] = field(default_factory=list)

    @property
    def service(self) -> Deployment:
        return self.office.deployment

    def wait(self, **delta: float) -> None:
        """Time passes, after what was promised is integrated and signed."""
        self.service.parts.grow()
        self.service.clock.forward(**delta)

    def keep(self) -> None:
        """All rows as they are now."""
        self.moments.append(all_rows(self.service.parts.units.engine))


def all_rows(engine: Engine) -> Rows:
    with engine.connect() as connection:
        return {
            name: [dict(row._mapping) for row in connection.execute(sa.select(table))]
            for name, table in metadata.tables.items()
        }


@contextmanager
def a_world(database_url: str, folder: Path) -> Iterator[World]:
    """Everything happens, and the deployment stays up."""
    with workplace(database_url, folder) as office:
        service = office.deployment
        world = World(
            office, Signer(service, METTE), Signer(service, FREDERIK),
            Employee(service, DORTHE), Employee(service, ZITA),
        )  # fmt: skip
        _tell(world)
        yield world


def _tell(world: World) -> None:
    service = world.service
    _two_years_ago(world)
    world.keep()
    world.wait(days=730)
    _erase(world)
    world.keep()
    _catalogue(world)
    alma = _alma(world)
    world.keep()
    _another_municipality(world)
    _papers_and_exemptions(world)
    _young_person(world)
    world.keep()
    _custody(world, alma)
    _lifts(world)
    _disclosures(world)
    world.keep()
    _systems(world)
    _staff(world)
    _looks(world)
    service.parts.sequencer.run_once()
    world.keep()
    # On PostgreSQL this one waits.
    service.get("/v1/work")
    world.keep()


def _two_years_ago(world: World) -> None:
    service = world.service
    dora = service.in_force(child=DORA)
    assert service.disclose(child={"cpr": DORA["cpr"]}).status_code == 201
    ended = {"reason": "case_closed", "note": None, "performed_by": EMPLOYEE}
    _ok(service.post(f"/v1/consents/{dora['id']}/cancellation", ended))
    bo = service.in_force(child=BO)
    _ok(service.post(f"/v1/consents/{bo['id']}/cancellation", ended))
    carl = service.in_force(child=named(CARL, "Carl Test", birth_date="2019-05-03"))
    assert carl
    with service.parts.units.writing() as uow:
        first = RetentionRule(consents_years=5, log_years=7)
        for controller in ("municipality-x", "municipality-z"):
            set_retention(uow, service.parts.context, controller, first, "e1")
        uow.commit()
    service.parts.sequencer.run_once()


def _erase(world: World) -> None:
    """Carl whole; of Dora and Bo what has had its time, which is all."""
    service = world.service
    context = service.parts.context
    with service.parts.units.writing() as uow:
        set_retention(uow, context, "municipality-x", RULE, "e1")
        erase_child(uow, context, "municipality-x", CprNumber(CARL), APPROVAL)
        uow.commit()
    bo = service.in_force(child=BO)
    world.consents.append(bo["id"])
    with service.parts.units.writing() as uow:
        children = uow.erasures.children("municipality-x")
        erased = erase_by_retention(uow, context, "municipality-x", RULE, children, APPROVAL)
        assert erased is not None
        uow.commit()
    service.parts.sequencer.run_once()


def _catalogue(world: World) -> None:
    service = world.service
    service.register("follow-up", PURPOSE)
    service.register("review")
    service.overlap("follow-up", "review")
    later = template(max_validity="P6M")
    _ok(service.post("/v1/templates", later), 201)
    _ok(service.post("/v1/templates", template(id="review", purpose="review")), 201)
    for confirmation in ("login", "any"):
        _ok(service.patch("/v1/organisations/gp-y", {"confirmation": confirmation}))
    _ok(service.patch("/v1/organisations/paediatrics", {"confirmation": "login"}))


def _alma(world: World) -> dict[str, Any]:
    """The mother signs on the page, the father narrows; the mother's link is replaced after."""
    service = world.service
    asked = service.ask()
    world.consents.append(asked["id"])
    world.mother.arrive(links(asked)["Mette Mor"])
    world.mother.press("/sign/grant")
    narrower = Scope(frozenset({"paediatrics"}), frozenset())
    service.act(asked["id"], "custody_holder", nth=1, left_out=narrower)
    sent = _ok(service.disclose(), 201)
    reported = {"outcome": "sent", "performed_by": EMPLOYEE}
    _ok(service.post(f"/v1/disclosures/{sent['id']}/outcome", reported, org="gp-y"))
    new_link(service, asked, "Frederik Far")
    world.wait(minutes=5)
    return asked


def _another_municipality(world: World) -> None:
    service = world.service
    parties = ["gp-y", "municipality-x", "municipality-z"]
    other = service.in_force("municipality-z", parties=parties)
    world.consents.append(other["id"])
    service.act(other["id"], "custody_holder", "withdraw", nth=1)
    told = {
        "signatory": other["signatories"][0]["id"], "channel": "oral",
        "performed_by": EMPLOYEE,
    }  # fmt: skip
    withdrawn = service.post(f"/v1/consents/{other['id']}/withdrawals", told, org="municipality-z")
    assert withdrawn.status_code in (200, 201), withdrawn.json
    denied = service.disclose()
    assert denied.status_code == 403, denied.json
    basis = {"type": "vital_interest", "provision": "§ 1", "justification": "Akut."}
    _ok(service.disclose(legal_basis=basis), 201)


def _papers_and_exemptions(world: World) -> None:
    service = world.service
    sibling = service.ask(child=BO, parties=["municipality-x", "gp-y"])
    world.consents.append(sibling["id"])
    holders = [s["id"] for s in sibling["signatories"] if s["role"] == "custody_holder"]
    path = f"/v1/consents/{sibling['id']}"
    service.act(sibling["id"], "custody_holder", "decline", nth=0)
    excuse = {
        "signatory": holders[1],
        "reason": "unknown_whereabouts",
        "provision": "Forældreansvarsloven § 2",
        "evidence_reference": "sag-1",
        "valid_until": None,
        "note": None,
        "performed_by": EMPLOYEE,
    }
    excused = _ok(service.post(f"{path}/exemptions", excuse), 201)
    service.act(sibling["id"], "custody_holder", "grant", nth=0)
    by = {"performed_by": COLLEAGUE}
    for step in ("confirmation", "revocation"):
        _ok(service.post(f"{path}/exemptions/{excused['id']}/{step}", by))
    paper = {
        "signatory": holders[1],
        "decision": "grant",
        "signed_on": local_date(service.clock.now).isoformat(),
        "document": {"reference": "journal-1", "sha256": "ab" * 32},
        "identity_checked": "passport",
        "performed_by": EMPLOYEE,
    }
    recorded = _ok(service.post(f"{path}/paper-grants", paper), 201)
    _ok(service.post(f"{path}/paper-grants/{recorded['id']}/confirmation", by))
    mistaken = _ok(service.post(f"{path}/paper-grants", paper), 201)
    _ok(service.post(f"{path}/paper-grants/{mistaken['id']}/rejection", by))
    _ok(service.post(f"{path}/paper-grants", paper), 201)
    ended = {"reason": "mistake", "note": None, "performed_by": EMPLOYEE}
    _ok(service.post(f"{path}/cancellation", ended))


def _young_person(world: World) -> None:
    """Signs with her parents; the renewal waits for everybody."""
    service = world.service
    first = service.in_force(child=SILJE)
    service.act(first["id"], "child")
    world.wait(days=30)
    renewal = service.ask(child=SILJE, renews=first["id"])
    service.act(renewal["id"], "custody_holder", nth=0)
    world.consents += [first["id"], renewal["id"]]


def _custody(world: World, alma: dict[str, Any]) -> None:
    service = world.service

    def change(*holders: dict[str, Any], **more: Any) -> dict[str, Any]:
        today = local_date(service.clock.now).isoformat()
        body = {
            "child": {"cpr": ALMA},
            "custody": {"source": "cpr-register", "as_of": today, "holders": list(holders)},
            "effective_from": today,
            "performed_by": EMPLOYEE,
        }
        return _ok(service.post("/v1/custody-changes", body | more), 201)

    grandmother = named("0303611114", "Grethe Gran", role="guardian", name_protected=True)
    wrong = change(grandmother)
    world.wait(minutes=5)
    parents = (
        named(MOTHER, "Mette Mor", role="parent", phone="+45 11 22 33 44"),
        named(FATHER, "Frederik Far", role="parent", email="far@example.org"),
    )
    change(*parents, corrects=wrong["id"])
    world.wait(minutes=5)
    # Whoever became required later is sent a first link.
    by = {"performed_by": EMPLOYEE}
    _ok(service.post(f"/v1/consents/{alma['id']}/links", by))


def _lifts(world: World) -> None:
    service = world.service
    wider = service.ask(parties=["gp-y", "municipality-x", "paediatrics"])
    world.consents.append(wider["id"])
    service.act(wider["id"], "custody_holder", "decline", nth=1)
    world.wait(days=1)
    lift = {
        "signatory": wider["signatories"][1]["id"],
        "signed_on": local_date(service.clock.now).isoformat(),
        "document": {"reference": "lift-1", "sha256": "0" * 64},
        "identity_checked": "seen at the counter",
        "performed_by": EMPLOYEE,
    }
    path = f"/v1/consents/{wider['id']}/lifts"
    recorded = _ok(service.post(path, lift), 201)
    _ok(service.post(f"{path}/{recorded['id']}/confirmation", {"performed_by": COLLEAGUE}))


def _disclosures(world: World) -> None:
    service = world.service
    service.disclose(child={"cpr": BO["cpr"]})
    service.disclose(child={"cpr": SILJE["cpr"]})
    assert service.disclose(child={"cpr": UNKNOWN}).status_code == 403
    question = service.disclosure_body(child={"cpr": ALMA})
    del question["document"], question["channel"]
    _ok(service.post("/v1/decisions", question, org="gp-y"))
    stop = {
        "child": {"cpr": ALMA}, "signer": {"cpr": MOTHER}, "channel": "letter",
        "performed_by": EMPLOYEE,
    }  # fmt: skip
    _ok(service.post("/v1/withdrawals", stop, org="gp-y"), 202)


def _systems(world: World) -> None:
    """Clients with keys and with secrets, used and revoked."""
    service = world.service
    register(service)
    with_secret(service)
    with_secret(service, "former")
    _ok(service.post("/v1/clients/former/revocation", {}))
    assert by_key(service, assertion(service)).status_code == 200
    assert by_key(service, "nonsense").status_code == 401
    assert service.client().get("/sign/no-such-link").status_code == 404


def _staff(world: World) -> None:
    """One is logged in, one was, one is at the provider."""
    world.dpo.arrive()
    former = Employee(world.service, DORTHE)
    former.arrive()
    former.press("/staff/logout", then=False)
    world.waiting.see()
    world.waits_at = world.waiting.to_provider()


def _looks(world: World) -> None:
    """Both parents are at the page of a request; the mother has answered."""
    service = world.service
    fresh = service.ask(parties=["municipality-x", "child-psychiatry"], case_reference="2028-1")
    world.consents.append(fresh["id"])
    urls = links(fresh)
    world.mother = Signer(service, METTE)
    world.mother.arrive(urls["Mette Mor"])
    world.mother.press("/sign/grant")
    world.father = Signer(service, FREDERIK)
    world.father.open(urls["Frederik Far"])


def _ok(answer: Any, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, (answer.status_code, answer.json)
    found: dict[str, Any] = answer.json
    return found


def path_of(url: str) -> str:
    return urlsplit(url).path
