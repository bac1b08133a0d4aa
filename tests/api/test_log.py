"""The log over HTTP: what a data-protection officer sees, and proofs that anybody can check."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import pytest

from consent_service.api.log.public_log import described_log
from consent_service.audit.checkpoint import Checkpoint, verify_checkpoint
from consent_service.audit.entry import check_body, parse_header
from consent_service.audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from consent_service.audit.note import parse_note
from consent_service.audit.origins import Origins
from consent_service.audit.promise import check_promise_for, verify_promise
from consent_service.signing import base64url
from consent_service.signing.keys import KeySet, PublishedKey, SigningKey
from tests.api.families import CHILD, SIBLING, custody, holder
from tests.deployment import COLLEAGUE, EMPLOYEE, FATHER, MOTHER, Deployment

ORIGIN = "consent.example/log"


def keys(service: Deployment) -> KeySet:
    return KeySet.from_jwks(service.app.test_client().get("/.well-known/jwks.json").json or {})


def checkpoint(service: Deployment) -> Checkpoint:
    """The newest signed head, as anybody gets it."""
    service.parts.grow()
    answer = service.app.test_client().get("/log/checkpoint")
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    return verify_checkpoint(answer.get_data(as_text=True), ORIGIN, keys(service))


def entries(service: Deployment, query: str = "", org: str = "municipality-x") -> list[Any]:
    answer = service.get(f"/v1/audit/entries{query}", org=org)
    assert answer.status_code == 200, answer.json
    return list(answer.json["items"])


def search(service: Deployment, org: str = "municipality-x", **members: Any) -> list[Any]:
    answer = service.post("/v1/audit/search", members, org=org)
    assert answer.status_code == 200, answer.json
    return list(answer.json["items"])


def types(found: list[Any]) -> list[str]:
    return [entry["body"]["type"] for entry in found]


def decoded_path(path: list[str]) -> list[bytes]:
    return [base64.b64decode(one) for one in path]


# -- who sees what ----------------------------------------------------------------------------


def test_an_officer_sees_what_its_organisation_controls_or_did(service: Deployment) -> None:
    asked = service.in_force()
    service.disclose()
    assert types(entries(service)) == [
        "organisation_registered",
        "purpose_registered",
        "categories_registered",
        "template_published",
        "consent_requested",
        "link_issued",
        "link_issued",
        "consent_granted",
        "consent_granted",
        "disclosure",
    ]
    gp = entries(service, org="gp-y")
    assert types(gp) == ["organisation_registered", "disclosure"]
    assert gp[1]["controller"] == "municipality-x"
    assert gp[1]["body"]["consent"] == asked["id"]
    stranger = entries(service, org="municipality-z")
    assert types(stranger) == ["organisation_registered", "template_published"]
    assert entries(service, org="paediatrics") == entries(service, org="paediatrics")[:1]


def test_a_disclosure_is_in_the_log_with_all_it_takes(service: Deployment) -> None:
    asked = service.in_force()
    made = service.disclose().json
    (entry,) = entries(service, "?type=disclosure")
    assert entry["id"] == made["id"]
    assert entry["time"] == made["decided_at"]
    body = entry["body"]
    assert body["organisation"] == "gp-y"
    assert body["recipient"] == "municipality-x"
    assert body["child"] == {"cpr": CHILD.cpr}
    assert body["performed_by"] == {"id": "g1", "name": "Lise Læge"}
    assert body["consent"] == asked["id"]
    assert body["terms_sha256"] == asked["terms_sha256"]
    assert body["legal_basis"] == {"type": "consent"}
    assert body["outcome"] == "permitted"
    assert body["document"]["reference"] == "doc-1"
    assert (body["purpose"], body["categories"]) == ("joint-action-plan", ["health"])
    denied = service.disclose(categories=["identity"]).json
    one = service.get(f"/v1/audit/entries/{denied['id']}", org="gp-y").json
    assert one["body"]["outcome"] == "denied"
    assert one["body"]["reasons"] == denied["reasons"]


def test_a_seals_entry_says_no_more_than_that(service: Deployment) -> None:
    asked = service.in_force()
    granted = entries(service, "?type=consent_granted")
    assert [set(entry["body"]) for entry in granted] == [
        {"type", "consent", "signatory", "statement_sha256"}
    ] * 2
    assert {entry["body"]["consent"] for entry in granted} == {asked["id"]}


def test_entries_are_filtered(service: Deployment) -> None:
    service.in_force()
    service.disclose()
    service.clock.forward(hours=1)
    moment = service.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    service.disclose(categories=["identity"])
    assert types(entries(service, f"?to={moment}&type=disclosure")) == ["disclosure"]
    late = entries(service, f"?from={moment}&type=disclosure")
    assert [entry["body"]["outcome"] for entry in late] == ["denied"]
    assert types(entries(service, "?outcome=permitted")) == ["disclosure"]
    assert types(entries(service, "?organisation=gp-y")) == ["disclosure", "disclosure"]
    assert entries(service, "?type=nothing") == []


def test_entries_come_in_pages_oldest_first(service: Deployment) -> None:
    service.in_force()
    everything = [entry["id"] for entry in entries(service, "?type=link_issued")]
    first = service.get("/v1/audit/entries?type=link_issued&limit=1").json
    second = service.get(f"/v1/audit/entries?type=link_issued&limit=1&cursor={first['next']}").json
    assert [first["items"][0]["id"], second["items"][0]["id"]] == everything
    assert second["next"] is None
    found = service.post("/v1/audit/search", {"type": "link_issued", "limit": 1}).json
    assert [entry["id"] for entry in found["items"]] == everything[:1]
    more = {"type": "link_issued", "limit": 1, "cursor": found["next"]}
    found = service.post("/v1/audit/search", more).json
    assert [entry["id"] for entry in found["items"]] == everything[1:]


def test_a_search_by_child(service: Deployment) -> None:
    service.in_force()
    service.ask(child=SIBLING.named())
    found = search(service, child={"cpr": f"{CHILD.cpr[:6]}-{CHILD.cpr[6:]}"})
    assert types(found)[:3] == ["consent_requested", "link_issued", "link_issued"]
    assert types(found).count("consent_granted") == 2
    assert SIBLING.cpr not in str(found)
    assert search(service, org="municipality-z", child={"cpr": CHILD.cpr}) == []
    assert search(service, child={"cpr": MOTHER}) == []


def test_a_search_by_employee(service: Deployment) -> None:
    asked = service.in_force()
    body = {"reason": "case_closed", "performed_by": COLLEAGUE}
    service.post(f"/v1/consents/{asked['id']}/cancellation", body)
    assert types(search(service, employee="e2")) == ["consent_cancelled"]
    assert set(types(search(service, employee="e1"))) == {"consent_requested", "link_issued"}
    assert search(service, employee="e3") == []
    assert search(service, org="gp-y", employee="e1") == []
    service.disclose()
    assert types(search(service, employee="g1", organisation="gp-y")) == ["disclosure"]
    assert search(service, employee="g1") == []


def test_every_look_is_logged(service: Deployment) -> None:
    asked = service.in_force()
    service.get(f"/v1/consents/{asked['id']}", org="gp-y")
    service.get(f"/v1/consents/{asked['id']}/receipt")
    service.get("/v1/consents")
    search(service, child={"cpr": CHILD.cpr})
    service.get("/v1/audit/export")
    seen = entries(service)
    looks = [entry["body"] for entry in seen if entry["body"]["type"] == "personal_data_viewed"]
    assert [(look["organisation"], look["view"]) for look in looks] == [
        ("gp-y", "consent"),
        ("municipality-x", "receipt"),
        ("municipality-x", "search"),
    ]
    assert all(look["child"] == {"cpr": CHILD.cpr} for look in looks)
    assert "consents_listed" in types(seen)
    assert "log_exported" in types(seen)


def test_an_export_of_many_children_is_one_entry_for_each(service: Deployment) -> None:
    service.ask()
    service.ask(child=SIBLING.named())
    service.get("/v1/audit/export")
    exported = entries(service, "?type=log_exported")
    children = sorted(entry["body"]["child"]["cpr"] for entry in exported)
    assert children == sorted([CHILD.cpr, SIBLING.cpr])


def test_an_entry_of_others_does_not_exist(service: Deployment) -> None:
    service.in_force()
    service.disclose()
    unknown = service.get("/v1/audit/entries/01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e")
    for entry in entries(service, "?type=consent_granted"):
        for path in (entry["id"], f"{entry['id']}/proof"):
            answer = service.get(f"/v1/audit/entries/{path}", org="gp-y")
            assert (answer.status_code, answer.data) == (404, unknown.data)


NUMBER = "barnet 010317-4321 og 0101801112"
MASKED = "barnet XXXXXX-XXXX og XXXXXX-XXXX"


def test_numbers_in_free_text_are_masked(service: Deployment) -> None:
    named = {"id": "e1", "name": NUMBER}
    facts = custody(holder(MOTHER, "Mette Mor"), holder(FATHER, "Frederik Far"))
    asked = service.ask(performed_by=named, custody={**facts, "source": NUMBER})
    mother, father, _ = (signatory["id"] for signatory in asked["signatories"])
    path = f"/v1/consents/{asked['id']}"
    exemption = {
        "signatory": father,
        "reason": "other",
        "provision": NUMBER,
        "evidence_reference": "d",
        "note": NUMBER,
        "performed_by": EMPLOYEE,
    }
    assert service.post(f"{path}/exemptions", exemption).status_code == 201
    withdrawal = {
        "signatory": mother,
        "channel": "oral",
        "note": NUMBER,
        "performed_by": EMPLOYEE,
    }
    assert service.post(f"{path}/withdrawals", withdrawal).status_code == 201
    change = {
        "child": {"cpr": CHILD.cpr},
        "custody": {**facts, "source": NUMBER},
        "effective_from": "2026-11-23",
        "performed_by": EMPLOYEE,
    }
    assert service.post("/v1/custody-changes", change).status_code == 201
    cancellation = {"reason": "other", "note": NUMBER, "performed_by": EMPLOYEE}
    assert service.post(f"{path}/cancellation", cancellation).status_code == 200
    basis = {
        "type": "other_statute",
        "provision": NUMBER,
        "justification": NUMBER,
        "family_visibility": {"from": "2027-01-01", "reason": NUMBER},
    }
    recorded = service.disclose("municipality-x", sender="municipality-x", recipient="gp-y",
                                legal_basis=basis)  # fmt: skip
    assert recorded.status_code == 201
    found = search(service, child={"cpr": CHILD.cpr})
    leaking = sorted(
        f"{entry['body']['type']}{pointer}"
        for entry in found
        for pointer, text in _texts(entry["body"], "")
        if "010317-4321" in text
    )
    assert leaking == []
    assert MASKED in str(found)


def _texts(content: Any, pointer: str) -> list[tuple[str, str]]:
    if isinstance(content, dict):
        return [t for name, value in content.items() for t in _texts(value, f"{pointer}/{name}")]
    if isinstance(content, list):
        return [t for value in content for t in _texts(value, f"{pointer}/-")]
    return [(pointer, str(content))]


# -- proofs -----------------------------------------------------------------------------------


def assert_proven(service: Deployment, evidence: dict[str, Any]) -> None:
    """Everything an outsider checks of one entry, with published keys only."""
    header = base64url.decode(evidence["header"])
    parsed = parse_header(header)
    assert parsed.id == evidence["id"]
    check_body(parsed, base64url.decode(evidence["salt"]), base64url.decode(evidence["body"]))
    published = keys(service)
    check_promise_for(verify_promise(evidence["promise"], published), header)
    proof = evidence["proof"]
    head = verify_checkpoint(proof["checkpoint"], ORIGIN, published)
    path = decoded_path(proof["path"])
    verify_inclusion(leaf_hash(header), proof["index"], head.size, path, head.root)


def test_an_entry_is_proven_to_an_outsider(service: Deployment) -> None:
    service.in_force()
    made = service.disclose().json
    service.parts.grow()
    answer = service.get(f"/v1/audit/entries/{made['id']}/proof", org="gp-y")
    assert answer.status_code == 200
    assert_proven(service, answer.json)


def test_an_export_is_proven_line_by_line(service: Deployment) -> None:
    service.in_force()
    service.disclose()
    service.parts.grow()
    answer = service.get("/v1/audit/export")
    assert (answer.status_code, answer.mimetype) == (200, "application/jsonl")
    lines = [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]
    assert [line["body"]["type"] for line in lines] == types(entries(service))[: len(lines)]
    for line in lines:
        assert json.loads(base64url.decode(line["evidence"]["body"])) == line["body"]
        assert_proven(service, line["evidence"])


def test_the_next_page_of_an_export_is_of_the_same_search(service: Deployment) -> None:
    service.in_force()
    for _ in range(3):
        service.disclose()
        service.get("/v1/disclosures")
    path: str | None = "/v1/audit/export?type=disclosure&limit=2"
    found: list[dict[str, Any]] = []
    while path is not None:
        answer = service.get(path)
        assert answer.status_code == 200
        found += [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]
        link = answer.headers.get("Link")
        path = urljoin(path, link.partition("<")[2].partition(">")[0]) if link else None
    assert [line["id"] for line in found] == [
        entry["id"] for entry in entries(service, "?type=disclosure")
    ]


def test_the_public_proof_of_a_leaf(service: Deployment) -> None:
    service.in_force()
    service.parts.grow()
    entry = entries(service, "?type=consent_requested")[0]
    evidence = service.get(f"/v1/audit/entries/{entry['id']}/proof").json
    leaf = leaf_hash(base64url.decode(evidence["header"]))
    head = checkpoint(service)
    for spelling in (leaf.hex(), base64url.encode(leaf)):
        answer = service.app.test_client().get(f"/log/proof?leaf={spelling}")
        assert answer.status_code == 200
        proof = answer.json or {}
        verify_inclusion(leaf, proof["index"], head.size, decoded_path(proof["path"]), head.root)
    unknown = service.app.test_client().get(f"/log/proof?leaf={'0' * 64}")
    assert unknown.status_code == 404


def test_the_log_only_grows(service: Deployment) -> None:
    old = checkpoint(service)
    service.in_force()
    middle = checkpoint(service)
    service.disclose()
    service.disclose()
    new = checkpoint(service)
    assert old.size < middle.size < new.size
    for first, second in ((old, middle), (middle, new), (old, new), (new, new)):
        answer = service.app.test_client().get(
            f"/log/consistency?old={first.size}&new={second.size}"
        )
        assert answer.status_code == 200
        path = decoded_path((answer.json or {})["path"])
        verify_consistency(first.size, first.root, second.size, second.root, path)


def test_the_same_head_is_signed_in_the_same_bytes(service: Deployment) -> None:
    service.parts.grow()
    client = service.app.test_client()
    assert client.get("/log/checkpoint").data == client.get("/log/checkpoint").data


def test_the_published_log_names_its_keys(service: Deployment) -> None:
    published = service.app.test_client().get("/.well-known/consent-log.json").json or {}
    assert published["origin"] == ORIGIN
    named = [{"first_index": 0, "origin": ORIGIN, "predecessor": None}]
    assert published["origins"] == named
    assert [key["status"] for key in published["keys"]] == ["active"]
    uses = {key.use for key in keys(service)}
    assert {"seal", "promise", "log", "cosignature"} <= uses
    jwks = service.app.test_client().get("/.well-known/jwks.json")
    assert '"d"' not in jwks.get_data(as_text=True)


def test_both_lines_of_a_checkpoint_have_a_published_verifier_key(service: Deployment) -> None:
    """A vkey is name, key id, and type with public key (C2SP signed-note)."""
    checkpoint(service)
    published = service.app.test_client().get("/.well-known/consent-log.json").json or {}
    note = service.app.test_client().get("/log/checkpoint").get_data(as_text=True)
    for line, member in zip(parse_note(note).signatures, ("keys", "cosigners"), strict=True):
        (named,) = (key["vkey"].split("+", 2) for key in published[member])
        assert named[:2] == [ORIGIN, line.key_id.hex()]
    kinds = [base64.b64decode(named["vkey"].split("+", 2)[2])[0]
             for named in (*published["keys"], *published["cosigners"])]  # fmt: skip
    assert kinds == [0x01, 0x04]


def test_log_keys_that_dated_checkpoints_are_published_as_such() -> None:
    def published(seed: int, use: Any, day: int) -> PublishedKey:
        key = SigningKey.from_seed(bytes([seed]) * 32, use)
        return PublishedKey(key.kid, use, key.public, datetime(2026, 1, day, tzinfo=UTC))

    first, apart, newer = (
        published(1, "log", 1),
        published(2, "cosignature", 9),
        published(3, "log", 9),
    )
    described = described_log(Origins.of((), ORIGIN), KeySet([first, newer, apart]))
    assert [one["kid"] for one in described["keys"]] == [first.kid, newer.kid]
    assert [one["kid"] for one in described["cosigners"]] == [apart.kid, first.kid]


@pytest.mark.parametrize("path", ["/log/checkpoint", "/.well-known/jwks.json"])
def test_public_answers_name_nobody(service: Deployment, path: str) -> None:
    service.in_force()
    service.parts.grow()
    text = service.app.test_client().get(path).get_data(as_text=True)
    assert CHILD.cpr not in text
    assert "municipality-x" not in text
