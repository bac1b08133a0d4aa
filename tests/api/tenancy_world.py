"""Two municipalities with the same children and shared parties, and who may know of what.

Every text and id that a tenant puts in is remembered as a canary with the organisations that may
see it: whoever else is answered with it has been told too much.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_service.audit.receipt import SEAL_TYPES
from consent_service.domain.kernel.facts import Scope
from consent_service.persistence.units import new_id
from tests.api.families import CHILD, SIBLING, holder
from tests.deployment import Deployment, organisation, person, template

MUNICIPALITIES = ("municipality-x", "municipality-z")
NAMED = ("gp-y", "child-psychiatry", "paediatrics")
OUTSIDER = "school-o"
CALLERS = (*MUNICIPALITIES, *NAMED, OUTSIDER, "operator")
OWN_CHILD = {"municipality-x": "0505184321", "municipality-z": "0606184322"}

# A child about whom nobody has a consent, but somebody once asked: for each one that is known.
GHOST_CHILDREN = {
    CHILD.cpr: "0203174323",
    SIBLING.cpr: "0304194327",
    OWN_CHILD["municipality-x"]: "0705184329",
    OWN_CHILD["municipality-z"]: "0806184321",
}


@dataclass(frozen=True)
class Case:
    """One consent with all that hangs on it.

    `ids` fill the paths and bodies of requests, by name. `doors` says, for each way in, which
    organisations may be answered otherwise than about something that does not exist.
    """

    name: str
    ids: Mapping[str, Any]
    doors: Mapping[str, frozenset[str]]

    def ghost(self) -> "Case":
        """The same, of things that nobody ever made."""
        unknown = {name: new_id() for name in self.ids}
        unknown |= {
            "version": self.ids["version"],
            "template_id": "plan-of-nobody",
            "case_reference": "reference-of-nobody",
            "employee": "employee-of-nobody",
            "cpr": GHOST_CHILDREN[self.ids["cpr"]],
            "organisation_id": "organisation-of-nobody",
        }
        return Case(f"no {self.name}", unknown, self.doors)


@dataclass
class World:
    """The service with everything in it, and the canaries."""

    service: Deployment
    cases: list[Case] = field(default_factory=list)
    canaries: dict[str, frozenset[str]] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: count(1))

    def mark(self, owner: str, what: str, seers: Iterable[str]) -> str:
        """A text that occurs nowhere else."""
        text = f"canary-{owner[-1]}-{what}-{next(self.numbers)}-end"
        return self.remember(text, seers)

    def remember(self, value: str, seers: Iterable[str]) -> str:
        self.canaries[value] = self.canaries.get(value, frozenset()) | frozenset(seers)
        return value

    def foreign(self, caller: str) -> list[str]:
        """What this caller may not be answered with."""
        return [value for value, seers in self.canaries.items() if caller not in seers]


def build(service: Deployment) -> World:
    """Fill a furnished service: for each municipality a consent in force that leaves one party
    out, one that never was in force, and one that is over.
    """
    world = World(service)
    assert service.post(
        "/v1/organisations", organisation(OUTSIDER, "other", "Skolen"), org="operator"
    ).status_code == 201  # fmt: skip
    for municipality in MUNICIPALITIES:
        _publish(world, municipality)
        world.cases += [
            _narrowed(world, municipality),
            _pending(world, municipality),
            _former(world, municipality),
        ]
    for cpr in GHOST_CHILDREN.values():
        question = service.disclosure_body(child={"cpr": cpr}, sender="gp-y")
        del question["document"], question["channel"]
        assert service.post("/v1/decisions", question, org="gp-y").status_code == 200
    for municipality in MUNICIPALITIES:
        _remember_log(world, municipality)
    for caller in CALLERS:
        # An organisation's own key is made when it first asks: not when it is measured.
        service.get("/v1/consents", org=caller)
    return world


def plan_of(caller: str) -> str:
    """The template a caller asks with; only municipalities have one."""
    return f"plan-{caller[-1]}"


def _publish(world: World, owner: str) -> None:
    content = template(id=plan_of(owner))
    body = world.mark(owner, "text", {owner, *NAMED})
    content["texts"]["da"] = content["texts"]["da"] | {"body": body}
    answer = world.service.post("/v1/templates", content, org=owner)
    assert answer.status_code == 201, answer.json
    world.remember(plan_of(owner), {owner, *NAMED})


def _ask(world: World, owner: str, cpr: str, parties: list[str], knows: set[str]) -> dict[str, Any]:
    """A request whose every text is a canary; `knows` may know of the consent."""
    one = lambda what, seers: world.mark(owner, what, seers)  # noqa: E731
    body = world.service.request_body(
        template=plan_of(owner),
        case_reference=one("reference", {owner}),
        # The child's name stands in the terms, which every party that was covered may read.
        child=person(cpr, one("child", knows), email=f"{one('mail', {owner})}@example.org"),
        custody={
            "source": "cpr-register",
            "as_of": "2026-11-23",
            "holders": [
                holder("0101801112", one("mother", {owner})),
                holder("0202791113", one("father", {owner})),
            ],
        },
        parties=[owner, *parties],
        performed_by={"id": one("employee", {owner}), "name": one("employee-name", {owner})},
    )
    answer = world.service.post("/v1/consents", body, org=owner)
    assert answer.status_code == 201, answer.json
    asked: dict[str, Any] = answer.json
    world.remember(asked["id"], knows)
    world.remember(asked["terms_sha256"], knows)
    for signatory in asked["signatories"]:
        # Statements name their signer by this id, in the receipt of every party.
        world.remember(signatory["id"], knows)
        if url := signatory.get("signing_url"):
            world.remember(url.rpartition("/")[2], {owner})
    asked["employee"] = body["performed_by"]["id"]
    asked["exemption"] = _exempt(world, owner, asked)
    asked["paper"] = _record_paper(world, owner, asked, knows)
    asked["lift"] = _record_lift(world, owner, asked)
    asked["mistaken_paper"] = _record_paper(world, owner, asked, {owner})
    asked["reconfirmation"] = _reconfirm(world, owner, asked)
    return asked


def _exempt(world: World, owner: str, asked: dict[str, Any]) -> str:
    body = {
        # Not the father: excused, he leaves paediatrics out no more.
        "signatory": asked["signatories"][0]["id"],
        "reason": "other",
        "provision": world.mark(owner, "provision", {owner}),
        "evidence_reference": world.mark(owner, "evidence", {owner}),
        "note": world.mark(owner, "note", {owner}),
        "performed_by": {"id": asked["employee"], "name": "Karen"},
    }
    answer = world.service.post(f"/v1/consents/{asked['id']}/exemptions", body, org=owner)
    assert answer.status_code == 201, answer.json
    return world.remember(answer.json["id"], {owner})


def _reconfirm(world: World, owner: str, asked: dict[str, Any]) -> str:
    """Recorded after a restore, and not confirmed; then as if there had been none."""
    body = {
        "basis": world.mark(owner, "basis", {owner}),
        "performed_by": {"id": asked["employee"], "name": "Karen"},
    }
    guard = world.service.parts.guard
    guard.restores = (world.service.clock(),)
    answer = world.service.post(f"/v1/consents/{asked['id']}/reconfirmations", body, org=owner)
    guard.restores = ()
    assert answer.status_code == 201, answer.json
    return world.remember(answer.json["id"], {owner})


def _record_paper(world: World, owner: str, asked: dict[str, Any], knows: set[str]) -> str:
    """Recorded and not confirmed, so that it changes nothing by itself.

    Once it is, the statement over it names the paper, in the receipt of every party, and not where
    it is filed.
    """
    body = {
        "signatory": asked["signatories"][0]["id"],
        "decision": "decline",
        "signed_on": "2026-11-23",
        "document": {
            "reference": world.mark(owner, "paper", {owner}),
            "sha256": "0" * 64,
        },
        "identity_checked": world.mark(owner, "checked", {owner}),
        "performed_by": {"id": asked["employee"], "name": "Karen"},
    }
    answer = world.service.post(f"/v1/consents/{asked['id']}/paper-grants", body, org=owner)
    assert answer.status_code == 201, answer.json
    return world.remember(answer.json["id"], knows)


def _record_lift(world: World, owner: str, asked: dict[str, Any]) -> str:
    """Recorded and not confirmed: nothing of it stands anywhere else yet."""
    body = {
        "signatory": asked["signatories"][0]["id"],
        "signed_on": "2026-11-23",
        "document": {"reference": world.mark(owner, "lift", {owner}), "sha256": "0" * 64},
        "identity_checked": world.mark(owner, "checked", {owner}),
        "performed_by": {"id": asked["employee"], "name": "Karen"},
    }
    answer = world.service.post(f"/v1/consents/{asked['id']}/lifts", body, org=owner)
    assert answer.status_code == 201, answer.json
    return world.remember(answer.json["id"], {owner})


def _grant(world: World, asked: dict[str, Any], left_out: Scope | None = None) -> None:
    world.service.act(asked["id"], "custody_holder", nth=0)
    world.service.act(asked["id"], "custody_holder", nth=1, left_out=left_out)


def _disclose(
    world: World, cpr: str, sender: str, recipient: str, controller: str, status: int
) -> str:
    """A disclosure whose employee only sender and controller may know, and its recipient less."""
    both = {sender, controller} if status == 201 else {sender}
    reached = both | {recipient} if status == 201 else both
    document = {"sha256": "0" * 64, "media_type": "application/pdf"}
    answer = world.service.disclose(
        org=sender,
        child={"cpr": cpr},
        sender=sender,
        recipient=recipient,
        document={"reference": world.mark(sender, "document", reached), **document},
        performed_by={
            "id": world.mark(sender, "doctor", both),
            "name": world.mark(sender, "doctor-name", both),
        },
    )
    assert answer.status_code == status, answer.json
    return world.remember(answer.json["id"], reached)


def _case(
    world: World,
    name: str,
    owner: str,
    cpr: str,
    asked: dict[str, Any],
    disclosure: str,
    doors: dict[str, set[str]],
) -> Case:
    found = world.service.get("/v1/audit/entries?type=consent_requested&limit=200", org=owner)
    (entry,) = [e["id"] for e in found.json["items"] if e["body"]["consent"] == asked["id"]]
    ids = {
        "consent_id": asked["id"],
        "signatory": asked["signatories"][0]["id"],
        "exemption_id": asked["exemption"],
        "paper_id": asked["paper"],
        "lift_id": asked["lift"],
        "mistaken_paper_id": asked["mistaken_paper"],
        "reconfirmation_id": asked["reconfirmation"],
        **_client_ids(world, owner),
        "case_reference": asked["case_reference"],
        "employee": asked["employee"],
        "disclosure_id": disclosure,
        "entry_id": entry,
        "template_id": plan_of(owner),
        "version": 1,
        "organisation_id": owner,
        "cpr": cpr,
    }
    everyone = {"controller": {owner}} | doors
    frozen = {door: frozenset(callers) for door, callers in everyone.items()}
    return Case(f"{name} of {owner}", ids, frozen)


def _client_ids(world: World, owner: str) -> dict[str, str]:
    """A client of the operator's, with keys or with secrets: no tenant's business."""
    name = f"client-{next(world.numbers)}"
    body: dict[str, Any] = {"id": name, "organisation": "gp-y", "scopes": ["consents:read"]}
    if owner == MUNICIPALITIES[0]:
        body["jwks"] = {"keys": [public_key("first"), public_key("second")]}
    else:
        body["auth_method"] = "client_secret"
    made = world.service.post("/v1/clients", body, org="operator")
    assert made.status_code == 201, made.json
    secrets = made.json["secrets"] or [{"id": "no-secret"}]
    return {"client_id": name, "secret_id": secrets[0]["id"], "kid": "first"}


def public_key(kid: str) -> dict[str, Any]:
    """A fresh Ed25519 key as a JWK (RFC 8037)."""
    key = Ed25519PrivateKey.generate().public_key()
    x = base64.urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA"}


def _narrowed(world: World, owner: str) -> Case:
    """In force, about a child of both municipalities; the father left paediatrics out."""
    knows = {owner, "gp-y", "child-psychiatry"}
    asked = _ask(world, owner, CHILD.cpr, list(NAMED), knows)
    _grant(world, asked, Scope(frozenset({"paediatrics"}), frozenset()))
    disclosure = _disclose(world, CHILD.cpr, "gp-y", owner, owner, 201)
    _disclose(world, CHILD.cpr, owner, "paediatrics", owner, 403)
    doors = {
        "knows": knows,
        "child": knows | set(MUNICIPALITIES),
        "child_controller": set(MUNICIPALITIES),
        "disclosure": {owner, "gp-y"},
        "sender": {"gp-y"},
    }
    return _case(world, "narrowed", owner, CHILD.cpr, asked, disclosure, doors)


def _pending(world: World, owner: str) -> Case:
    """Never in force: the parties it names know nothing of it."""
    asked = _ask(world, owner, SIBLING.cpr, list(NAMED), {owner})
    disclosure = _disclose(world, SIBLING.cpr, "gp-y", "child-psychiatry", "gp-y", 403)
    doors = {
        "knows": {owner},
        # The GP asked to disclose, so that its own log knows the child.
        "child": {*MUNICIPALITIES, "gp-y"},
        "child_controller": set(MUNICIPALITIES),
        "disclosure": {"gp-y"},
        "sender": {"gp-y"},
    }
    return _case(world, "pending", owner, SIBLING.cpr, asked, disclosure, doors)


def _former(world: World, owner: str) -> Case:
    """Was in force and is cancelled, about a child nobody else knows."""
    knows = {owner, "gp-y", "child-psychiatry"}
    cpr = OWN_CHILD[owner]
    asked = _ask(world, owner, cpr, ["gp-y", "child-psychiatry"], knows)
    _grant(world, asked)
    disclosure = _disclose(world, cpr, "child-psychiatry", "gp-y", owner, 201)
    body = {
        "reason": "case_closed",
        "note": world.mark(owner, "cancelled", {owner}),
        "performed_by": {"id": asked["employee"], "name": "Karen"},
    }
    path = f"/v1/consents/{asked['id']}/cancellation"
    assert world.service.post(path, body, org=owner).status_code == 200
    doors = {
        "knows": knows,
        "child": knows,
        "child_controller": {owner},
        "disclosure": knows,
        "sender": {"child-psychiatry"},
    }
    return _case(world, "former", owner, cpr, asked, disclosure, doors)


def _remember_log(world: World, owner: str) -> None:
    """Every entry a municipality controls: its actor may see it too, and who received it."""
    knows = {case.ids["consent_id"]: case.doors["knows"] for case in world.cases}
    path, found = "/v1/audit/entries?limit=200", []
    while path:
        page = world.service.get(path, org=owner).json
        found += page["items"]
        path = f"/v1/audit/entries?limit=200&cursor={page['next']}" if page["next"] else ""
    for entry in found:
        if entry["controller"] != owner:
            continue
        body = entry["body"]
        seers = {owner, body.get("organisation", owner)}
        if body.get("outcome", "denied") != "denied":
            seers.add(body["recipient"])
        if body["type"] in SEAL_TYPES.values():
            seers |= knows[body["consent"]]  # its evidence stands in the receipt
        world.remember(entry["id"], seers)
