"""What a person, or a data-protection officer, is given of what is known and was shared (R12)."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from consent_service.cli import cli
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import InvalidInput
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body
from consent_service.persistence.verification.log_reader import verify_database
from consent_service.services.kernel.model import Employee
from consent_service.services.rights.export_subject import SubjectRequest, export_subject
from consent_service.web.rights.subject_page import subject_page
from tests.deployment import EMPLOYEE, FATHER, MOTHER, PARTIES, PURPOSE, Deployment, deploy, person
from tests.web.family import FREDERIK, METTE, Signer, household, links

ALMA = "0103174321"
STAFF = ("Karen Sagsbehandler", "Lise Læge", "e1", "g1")
Audience = Literal["citizen", "dpo"]


@pytest.fixture
def service(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy(furnished_url, tmp_path)
    yield deployment
    deployment.close()


def export(
    service: Deployment, cpr: str, audience: Audience = "citizen", org: str = "municipality-x"
) -> dict[str, Any]:
    asked = SubjectRequest(org, CprNumber(cpr), audience, Employee("e9", "Dorte Rådgiver"))
    with service.parts.units.writing() as uow:
        made = export_subject(uow, service.parts.context, asked)
        uow.commit()
    return made


def texts_of(made: dict[str, Any]) -> list[str]:
    """Every form the export is given in."""
    return [
        json.dumps(made, ensure_ascii=False),
        subject_page(made, "da"),
        subject_page(made, "en"),
    ]


def holders(**mother: Any) -> dict[str, Any]:
    return {
        "source": "cpr-register",
        "as_of": "2026-11-23",
        "holders": [
            person(MOTHER, "Mette Mor", role="parent", email="mette@example.org", **mother),
            person(FATHER, "Frederik Far", role="parent", email="frederik@example.org"),
        ],
    }


def postponed(service: Deployment, until: str) -> str:
    """A notification that the family must not see yet, and what others did because of it."""
    basis = {
        "type": "notification_duty",
        "provision": "Barnets lov § 133",
        "justification": "Bekymring for barnets sikkerhed",
        "family_visibility": {"from": until, "reason": "Barnet er i fare"},
    }
    sent = service.disclose(
        "child-psychiatry", sender="child-psychiatry", recipient="municipality-x", legal_basis=basis
    )
    assert sent.status_code == 201, sent.json
    assert sent.json
    return str(sent.json["id"])


def test_the_child_sees_what_was_shared_to_whom_when_and_why(service: Deployment) -> None:
    asked = service.in_force(custody=holders())
    sent = service.disclose()
    assert service.disclose(recipient="municipality-z").status_code == 403
    assert sent.json
    reported = {"outcome": "sent", "performed_by": EMPLOYEE}
    service.post(f"/v1/disclosures/{sent.json['id']}/outcome", reported, org="gp-y")
    (about,) = export(service, ALMA)["about"]
    assert about["relation"] == "child"
    assert about["details"]["name"] == "Alma Test"
    first, second = about["disclosures"]
    assert first == {
        "id": sent.json["id"],
        "time": sent.json["decided_at"],
        "sender": "gp-y",
        "recipient": "municipality-x",
        "purpose": PURPOSE,
        "categories": ["health"],
        "channel": "document",
        "outcome": "permitted",
        "reported": "sent",
        "legal_basis": "consent",
        "provision": None,
        "consent": asked["id"],
        "document": {"reference": "doc-1", "sha256": "0" * 64, "media_type": "application/pdf"},
    }
    assert second["outcome"] == "denied"
    (consent,) = about["consents"]
    assert (consent["id"], consent["status"], consent["parties"]) == (
        asked["id"],
        "in_force",
        PARTIES,
    )
    assert {one["name"] for one in consent["others"]} == {"Mette Mor", "Frederik Far"}
    # What the parents answered is theirs, and is in no copy but the officer's.
    assert about["statements"] == []
    (whole,) = export(service, ALMA, "dpo")["about"]
    assert [one["decision"] for one in whole["statements"]] == ["grant", "grant"]


def test_employees_are_named_to_the_officer_alone(service: Deployment) -> None:
    service.in_force()
    service.disclose()
    for text in texts_of(export(service, ALMA)):
        assert not [name for name in STAFF[:2] if name in text]
        assert "performed_by" not in text
    for text in texts_of(export(service, ALMA, "dpo")):
        assert "Lise Læge" in text
    (about,) = export(service, ALMA, "dpo")["about"]
    assert {one["performed_by"]["name"] for one in about["disclosures"]} == {"Lise Læge"}
    assert "Karen Sagsbehandler" in json.dumps(about["steps"], ensure_ascii=False)


@pytest.mark.parametrize("cpr", [ALMA, MOTHER])
def test_a_replay_is_no_second_disclosure(service: Deployment, cpr: str) -> None:
    service.in_force()
    body = service.disclosure_body()
    sent = [service.post("/v1/disclosures", body, "gp-y", "one-key") for _ in range(3)]
    assert [answer.status_code for answer in sent] == [201] * 3
    (about,) = export(service, cpr)["about"]
    assert [one["id"] for one in about["disclosures"]] == [sent[0].json["id"]]
    assert "disclosure_replayed" not in json.dumps(about)
    (whole,) = export(service, cpr, "dpo")["about"]
    assert len(whole["disclosures"]) == 1
    assert [one["type"] for one in whole["steps"]].count("disclosure_replayed") == 2


@pytest.mark.parametrize("cpr", [ALMA, MOTHER])
def test_what_is_postponed_is_not_there_and_nothing_tells_so(service: Deployment, cpr: str) -> None:
    service.in_force()
    service.disclose()
    before = export(service, cpr)
    hidden = postponed(service, "2027-01-15")
    looked = service.get(f"/v1/disclosures/{hidden}", org="child-psychiatry")
    assert looked.status_code == 200
    service.get(f"/v1/disclosures/{hidden}")
    question = {
        k: v for k, v in service.disclosure_body().items() if k not in ("document", "channel")
    }
    question |= {"sender": "child-psychiatry", "recipient": "municipality-x"}
    assert service.post("/v1/decisions", question, org="child-psychiatry").status_code == 200
    after = export(service, cpr)
    for made in (before, after):
        made.pop("made_at")
        for about in made["about"]:
            about["accesses"] = []
    assert after["about"] == before["about"]
    for text in texts_of(export(service, cpr)):
        assert hidden not in text
        assert "§ 133" not in text
        assert "fare" not in text
    (own,) = export(service, cpr)["about"]
    assert not [one for one in own["accesses"] if one["organisation"] == "child-psychiatry"]
    (whole,) = export(service, cpr, "dpo")["about"]
    assert [one["postponed_until"] for one in whole["disclosures"]] == [None, "2027-01-15"]
    service.clock.forward(days=60)
    (later,) = export(service, cpr)["about"]
    assert [one["id"] for one in later["disclosures"]][1] == hidden
    assert "Bekymring" not in json.dumps(later, ensure_ascii=False)


def test_a_parents_export_holds_what_concerns_them(service: Deployment) -> None:
    service.in_force(custody=holders())
    service.disclose()
    made = export(service, MOTHER)
    (about,) = made["about"]
    assert (about["relation"], about["child"]) == ("holder", "Alma Test")
    assert about["details"]["email"] == "mette@example.org"
    (said,) = about["statements"]
    assert (said["decision"], said["role"], said["identity"]["loa"]) == (
        "grant", "custody_holder", "substantial",
    )  # fmt: skip
    assert len(about["disclosures"]) == 1
    assert about["logins"]
    for text in texts_of(made):
        for others in (FATHER, "0202791113", ALMA, "010317-4321", "frederik@example.org"):
            assert others not in text
        assert "Frederik Far" in text
    assert MOTHER in json.dumps(made)


def test_a_protected_name_is_not_given_to_the_others(service: Deployment) -> None:
    service.in_force(custody=holders(name_protected=True))
    for cpr in (FATHER, ALMA):
        for text in texts_of(export(service, cpr)):
            assert "Mette Mor" not in text
    assert "Mette Mor" in texts_of(export(service, MOTHER))[0]
    assert "Mette Mor" in texts_of(export(service, FATHER, "dpo"))[0]


def test_while_incomplete_nobody_learns_whether_the_other_refused(service: Deployment) -> None:
    """R11: silence and refusal look the same."""
    asked = service.ask()
    before = [one["status"] for one in export(service, FATHER)["about"][0]["consents"]]
    service.act(asked["id"], "custody_holder", "decline", nth=0)
    (about,) = export(service, FATHER)["about"]
    assert [one["status"] for one in about["consents"]] == before == ["awaiting_signatures"]
    assert about["statements"] == []
    (mine,) = export(service, MOTHER)["about"]
    assert [one["status"] for one in mine["consents"]] == ["declined"]


def test_while_incomplete_the_end_does_not_tell_that_the_other_had_granted(
    service: Deployment,
) -> None:
    """A year before the end somebody granted; not in force, they must have taken it back (R11)."""
    asked = service.ask()
    service.act(asked["id"], "custody_holder", nth=0)
    service.clock.forward(days=1)
    service.act(asked["id"], "custody_holder", "decline", nth=0)
    service.act(asked["id"], "custody_holder", nth=1)
    (mine,) = export(service, FATHER)["about"]
    (consent,) = mine["consents"]
    assert (consent["status"], consent["expires_at"]) == ("awaiting_signatures", None)
    service.act(asked["id"], "custody_holder", nth=0)
    (complete,) = export(service, FATHER)["about"][0]["consents"]
    assert complete["status"] == "in_force"
    assert complete["expires_at"] is not None


def test_a_former_holder_sees_their_own_part_only(service: Deployment) -> None:
    service.in_force(custody=holders())
    change = {
        "child": {"cpr": ALMA},
        "custody": {
            "source": "cpr-register",
            "as_of": "2026-11-23",
            "holders": [person(FATHER, "Frederik Far", role="parent")],
        },
        "effective_from": "2026-11-23",
        "performed_by": EMPLOYEE,
    }
    assert service.post("/v1/custody-changes", change).status_code == 201
    service.disclose()
    (about,) = export(service, MOTHER)["about"]
    assert about["child"] is None
    assert about["disclosures"] == about["accesses"] == about["questions"] == about["steps"] == []
    assert [one["status"] for one in about["consents"]] == [None]
    assert [one["decision"] for one in about["statements"]] == ["grant"]
    assert "Frederik" not in json.dumps(about)


def test_each_organisation_answers_for_its_own(service: Deployment) -> None:
    service.in_force()
    assert export(service, ALMA, org="municipality-z")["about"] == []
    basis = {"type": "vital_interest", "provision": "§ 1", "justification": "Akut."}
    sent = service.disclose(legal_basis=basis, recipient="paediatrics")
    assert sent.json
    (about,) = export(service, ALMA, org="gp-y")["about"]
    assert about["details"] is None
    assert about["consents"] == []
    assert [one["id"] for one in about["disclosures"]] == [sent.json["id"]]


def test_siblings_are_two_parts_of_one_export(service: Deployment) -> None:
    service.in_force()
    service.in_force(child=person("020418-4321", "Bo Test", birth_date="2018-04-02"))
    assert [one["child"] for one in export(service, MOTHER)["about"]] == ["Alma Test", "Bo Test"]
    assert len(export(service, ALMA)["about"]) == 1


def test_it_is_logged_and_the_log_verifies(service: Deployment) -> None:
    service.in_force()
    for cpr in (ALMA, MOTHER, "0303811115"):
        export(service, cpr)
    service.parts.grow()
    with service.parts.units.engine.connect() as connection:
        rows = connection.execute(
            sa.select(log_body.c.entry_id, data_key.c.child_id)
            .join(data_key, data_key.c.id == log_body.c.data_key_id)
            .where(log_body.c.type == "subject_exported")
            .order_by(log_body.c.entry_id)
        ).all()
    assert [row.child_id is not None for row in rows] == [True, True, False]
    shown = service.get(f"/v1/audit/entries/{rows[1].entry_id}").json
    assert shown
    assert shown["body"]["performed_by"] == {"id": "e9", "name": "Dorte Rådgiver"}
    assert (shown["body"]["audience"], shown["body"]["subject"]) == ("citizen", "holder")
    assert MOTHER not in json.dumps(shown)
    parts = service.parts
    report = verify_database(
        parts.units.engine, parts.units.ring, parts.index, parts.keys.published,
        parts.settings.log_origin, service.clock.now,
    )  # fmt: skip
    assert report.findings == ()


def test_the_officers_route(service: Deployment) -> None:
    service.in_force()
    service.disclose()
    body = {"subject": {"cpr": "010317-4321"}, "performed_by": EMPLOYEE}
    answer = service.post("/v1/audit/subject-export", body)
    assert answer.status_code == 200
    assert answer.json
    assert answer.json["audience"] == "dpo"
    assert len(answer.json["about"][0]["disclosures"]) == 1
    unknown = {"subject": {"cpr": "0303811115"}, "performed_by": EMPLOYEE}
    nobody = service.post("/v1/audit/subject-export", unknown)
    assert nobody.json
    assert nobody.json["about"] == []
    wrong = {"subject": {"cpr": "9999999999"}, "performed_by": EMPLOYEE}
    refused = service.post("/v1/audit/subject-export", wrong)
    assert refused.status_code == 422
    assert "9999999999" not in refused.get_data(as_text=True)


# -- the page ----------------------------------------------------------------------------------


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("language", ["da", "en"])
@pytest.mark.parametrize("audience", ["citizen", "dpo"])
def test_the_page_runs_nothing_and_fetches_nothing(
    service: Deployment, language: Literal["da", "en"], audience: Audience
) -> None:
    service.in_force(child=person(ALMA, "<script>alert(1)</script>", birth_date="2017-03-01"))
    service.disclose()
    page = subject_page(export(service, ALMA, audience), language)
    tags = _Tags()
    tags.feed(page)
    assert not tags.tags & {"script", "link", "img", "iframe", "object", "form", "a"}
    assert not tags.attributes & {"src", "href", "style"}
    assert not [name for name in tags.attributes if name.startswith("on")]
    assert "&lt;script&gt;" in page
    assert "url(" not in page
    assert "@import" not in page
    title = re.search("<title>(.*)</title>", page)
    assert title is not None
    assert "4321" not in title[1]
    assert ("Det ved vi" in title[1]) == (language == "da")


def test_a_signer_downloads_their_own(tmp_path: Path, database_url: str) -> None:
    with household(database_url, tmp_path) as service:
        service.furnish()
        asked = service.ask()
        service.disclose()
        signer = Signer(service, METTE)
        signer.open(links(asked)[METTE.name])
        assert signer.get("/sign/everything").status_code == 303
        signer.log_in()
        assert "/sign/everything" in signer.page.get_data(as_text=True)
        answer = signer.get("/sign/everything")
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Cache-Control"] == "no-store"
        page = answer.get_data(as_text=True)
        assert f"{MOTHER[:6]}-{MOTHER[6:]}" in page
        assert not [name for name in STAFF[:2] if name in page]
        assert FREDERIK.cpr not in page
        assert Signer(service).get("/sign/everything").status_code == 404


# -- the command ------------------------------------------------------------------------------


def run(service: Deployment, *arguments: str, number: str) -> Result:
    settings = service.settings
    environment = {
        "CONSENT_DATABASE_URL": settings.database_url,
        "CONSENT_KEYS_FILE": str(settings.keys_file),
        "CONSENT_BASE_URL": settings.base_url,
        "CONSENT_LOG_ORIGIN": settings.log_origin,
        "CONSENT_LOG_ANCHOR_FILE": str(settings.anchor_file),
        "CONSENT_OIDC_ISSUER": "https://broker.example",
        "CONSENT_OIDC_CLIENT_ID": "c",
        "CONSENT_OIDC_CLIENT_SECRET": "s",
        "CONSENT_OIDC_CPR_CLAIM": "dk.cpr",
    }
    command = ("export-person", "--controller", "municipality-x", "--person-file", "-", *arguments)
    return CliRunner().invoke(cli, command, input=number, env=environment)


def test_the_command_reads_the_number_from_standard_input(service: Deployment) -> None:
    # The command runs by the real clock, which must not be behind what was recorded.
    from datetime import UTC, datetime

    service.clock.set(datetime.now(UTC) - timedelta(hours=1))
    service.in_force()
    service.disclose()
    by = ("--performed-by", "e1")
    citizen = run(service, *by, number="010317-4321\n")
    assert citizen.exit_code == 0, citizen.exception
    assert json.loads(citizen.output)["audience"] == "citizen"
    assert "Lise Læge" not in citizen.output
    whole = run(service, *by, "--for", "dpo", number="010317-4321\n")
    assert "Lise Læge" in whole.output
    page = run(service, *by, "--format", "html", "--language", "en", number="010317-4321\n")
    assert page.output.startswith("<!doctype html>")
    assert "What has been shared" in page.output
    wrong = run(service, *by, number="nobody")
    assert wrong.exit_code != 0


@pytest.mark.parametrize("id_", ["", "e 1", "e1 ", "e\u200b1", "a\u030ase", "010180-1112"])
def test_the_command_is_run_by_an_employee(on_sqlite: Deployment, id_: str) -> None:
    on_sqlite.in_force()
    refused = run(on_sqlite, "--performed-by", id_, number="010317-4321\n")
    assert isinstance(refused.exception, InvalidInput)
    assert [error.pointer for error in refused.exception.errors] == ["/performed_by"]
    assert refused.output == ""


# -- insight (R11) -----------------------------------------------------------------------------

SOFIE = "0303811115"
SMALL = ["gp-y", "municipality-x"]
STATUTE = {"type": "other_statute", "provision": "§ 43", "justification": "Nødvendigt."}


def told(about: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The disclosures: from, to, outcome."""
    return [(one["sender"], one["recipient"], one["outcome"]) for one in about["disclosures"]]


def named_by_z(service: Deployment) -> dict[str, Any]:
    """Municipality Z asks about X's child, and calls somebody its only holder."""
    custody = holders()
    custody["holders"] = [person(SOFIE, "Sofie Fremmed", role="parent")]
    return service.ask(
        org="municipality-z", custody=custody, parties=["gp-y", "municipality-x", "municipality-z"]
    )


def test_the_stranger_whom_z_names_is_told_what_z_knows_alone(service: Deployment) -> None:
    service.in_force()
    for sender, recipient in (
        ("municipality-x", "municipality-z"),
        ("gp-y", "municipality-z"),
        ("municipality-z", "gp-y"),
    ):
        sent = service.disclose(sender, sender=sender, recipient=recipient, legal_basis=STATUTE)
        assert sent.status_code == 201
    named_by_z(service)
    (about,) = export(service, SOFIE, org="municipality-z")["about"]
    assert told(about) == [
        ("gp-y", "municipality-z", "recorded"),
        ("municipality-z", "gp-y", "recorded"),
    ]
    assert export(service, SOFIE)["about"] == []
    # X's parents see what X sent; what Z controls or received is by Z's facts, which differ.
    (parent,) = export(service, MOTHER)["about"]
    assert told(parent) == [("municipality-x", "municipality-z", "recorded")]
    (whole,) = export(service, SOFIE, "dpo", org="municipality-z")["about"]
    assert len(whole["disclosures"]) == 3


def test_an_eight_year_olds_parents_see_what_the_gp_sent(service: Deployment) -> None:
    child = person("0203184328", "Bo Test", birth_date="2018-03-02")
    service.in_force(child=child)
    sent = service.disclose(child={"cpr": child["cpr"]}, legal_basis=STATUTE)
    assert sent.status_code == 201
    for cpr in (MOTHER, FATHER, child["cpr"]):
        (about,) = export(service, cpr)["about"]
        assert told(about) == [("gp-y", "municipality-x", "recorded")]


def test_what_another_stopped_waits_until_the_request_is_final(service: Deployment) -> None:
    service.in_force(parties=SMALL)
    newer = service.ask()
    service.act(newer["id"], "custody_holder", "decline", nth=1)
    assert (
        service.disclose("municipality-x", sender="municipality-x", recipient="gp-y").status_code
        == 403
    )
    question = {
        name: value
        for name, value in service.disclosure_body().items()
        if name not in ("document", "channel")
    }
    assert service.post("/v1/decisions", question).status_code == 200

    def seen(cpr: str, audience: Audience = "citizen") -> tuple[int, int]:
        (about,) = export(service, cpr, audience)["about"]
        return len(about["disclosures"]), len(about["questions"])

    assert seen(MOTHER) == seen(ALMA) == (0, 0)
    assert seen(FATHER) == seen(MOTHER, "dpo") == (1, 1)
    cancelled = {"reason": "case_closed", "performed_by": EMPLOYEE}
    answer = service.post(f"/v1/consents/{newer['id']}/cancellation", cancelled)
    assert answer.status_code == 200, answer.json
    assert seen(MOTHER) == seen(ALMA) == (1, 1)


def test_a_protected_familys_copy_holds_no_place_but_those_they_were_asked_about(
    service: Deployment,
) -> None:
    service.in_force(parties=SMALL, custody=holders(name_protected=True))
    # Where she lives now only she is asked.
    alone = holders()
    alone["holders"] = alone["holders"][:1]
    service.ask(org="municipality-z", custody=alone, parties=["municipality-x", "municipality-z"])
    for recipient in ("gp-y", "municipality-z"):
        sent = service.disclose(
            "municipality-x", sender="municipality-x", recipient=recipient, legal_basis=STATUTE
        )
        assert sent.status_code == 201
    service.get(f"/v1/disclosures/{sent.json['id']}", org="municipality-z")
    (own,) = export(service, MOTHER)["about"]
    assert ("municipality-x", "municipality-z", "recorded") in told(own)
    for made in (export(service, ALMA), export(service, FATHER)):
        for text in texts_of(made):
            assert "Kommune Z" not in text
            assert "municipality-z" not in text
    (father,) = export(service, FATHER)["about"]
    assert told(father) == [
        ("municipality-x", "gp-y", "recorded"),
        ("kind:municipality", "kind:municipality", "recorded"),
    ]
    (child,) = export(service, ALMA)["about"]
    # The child was asked for none of them itself.
    assert told(child) == [
        ("kind:municipality", "kind:general_practice", "recorded"),
        ("kind:municipality", "kind:municipality", "recorded"),
    ]
    assert [one["document"] for one in child["disclosures"]] == [None, None]
    assert {party for one in child["consents"] for party in one["parties"]} == {
        "kind:general_practice",
        "kind:municipality",
    }
    assert {one["organisation"] for one in child["accesses"]} <= {"kind:municipality"}
    assert "Fra</dt><dd>en kommune" in subject_page(export(service, ALMA), "da")
    assert "From</dt><dd>a municipality" in subject_page(export(service, ALMA), "en")
    assert "Kommune Z" in texts_of(export(service, ALMA, "dpo"))[0]


def test_the_familys_own_looks_are_in_no_citizens_copy(furnished_url: str, tmp_path: Path) -> None:
    """They would tell one parent that the other has answered, or has asked for everything."""
    with household(furnished_url, tmp_path) as service:
        asked = service.ask()
        frederik = Signer(service, FREDERIK)
        frederik.arrive(links(asked)[FREDERIK.name])
        before = export(service, MOTHER)["about"][0]["accesses"]
        frederik.press("/sign/decline")
        assert frederik.get("/sign/receipt").status_code == 200
        assert frederik.get("/sign/everything").status_code == 200
        after = export(service, MOTHER)["about"][0]["accesses"]
        # Only the officer's own export for her came in between.
        assert [one["type"] for one in after[len(before) :]] == ["subject_exported"]
        whole = export(service, MOTHER, "dpo")["about"][0]["accesses"]
        assert len(whole) > len(after) + 1


def test_what_somebody_told_the_organisation_to_stop(service: Deployment) -> None:
    service.in_force()
    never_asked = "0707154327"
    for about, by in ((ALMA, MOTHER), (never_asked, MOTHER), (ALMA, FATHER)):
        body = {"child": {"cpr": about}, "signer": {"cpr": by}, "channel": "letter"}
        told = {"note": "Hun ringede", "performed_by": EMPLOYEE}
        answer = service.post("/v1/withdrawals", body | told)
        assert answer.status_code == 202
    mine = export(service, MOTHER)
    assert [set(stop) for stop in mine["stops"]] == [{"entry", "time", "channel", "purpose"}] * 2
    for text in texts_of(mine):
        assert "Hun ringede" not in text
        assert STAFF[0] not in text
    assert export(service, ALMA)["stops"] == [], "what others said is theirs"
    whole = export(service, ALMA, "dpo")["stops"]
    assert [stop["note"] for stop in whole] == ["Hun ringede"] * 2
    assert "Hun ringede" in subject_page(export(service, ALMA, "dpo"), "da")
    assert len(export(service, never_asked, "dpo")["stops"]) == 1
    assert export(service, MOTHER, org="municipality-z")["stops"] == []
