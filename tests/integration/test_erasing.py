"""A child is erased at one controller: nothing of it opens any more, and everything still verifies.

Keys are looked for in every value of every table, and in the bytes of the SQLite file and its
write-ahead log.
"""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from consent_service.audit.entry import erased_list, parse_header
from consent_service.audit.finding import VerifyReport
from consent_service.audit.merkle import leaf_hash
from consent_service.audit.origins import Origins
from consent_service.audit.receipt import verify_receipt
from consent_service.audit.tree_checks import Claims
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Conflict, InvalidInput, NotFound, Unreadable
from consent_service.persistence.access.tables import staff_login, staff_session
from consent_service.persistence.children.tables import child, fact, person
from consent_service.persistence.consents.tables import consent
from consent_service.persistence.keys.sealing import DataKey, Place
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import (
    log_body,
    log_erased,
    log_header,
    log_leaf,
    log_pending,
)
from consent_service.persistence.rights.scrubbing import ERASED_FROM, scrub
from consent_service.persistence.schema import metadata
from consent_service.persistence.verification.log_reader import verify_database
from consent_service.services.rights.erase import Approval, Erased, erase_child, plan_for_child
from consent_service.signing import base64url
from tests.deployment import FATHER, MOTHER, Deployment, deploy
from tests.deployment import person as named

ALMA, BO = CprNumber("0103174321"), CprNumber("0204184321")
SIBLING = named("020418-4321", "Bo Test", birth_date="2018-04-02")
APPROVAL = Approval("e1", "e2", "the family asked for it")
THREE = ["gp-y", "municipality-x", "municipality-z"]
HEADERS = {
    "log_header",
    "log_pending",
    "log_leaf",
    "log_node",
    "log_head",
    "log_checkpoint",
    "log_erased",
}


@pytest.fixture
def service(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy(furnished_url, tmp_path)
    yield deployment
    deployment.close()


def erase(service: Deployment, cpr: CprNumber, controller: str = "municipality-x") -> Erased:
    """As the command does: one transaction, a new checkpoint, clean files."""
    with service.parts.units.writing() as uow:
        erased = erase_child(uow, service.parts.context, controller, cpr, APPROVAL)
        uow.commit()
    service.parts.grow()
    assert scrub(service.parts.units.engine) is None
    return erased


def verify(service: Deployment, outside: tuple[str, ...] = ()) -> VerifyReport:
    parts = service.parts
    return verify_database(
        parts.units.engine, parts.units.ring, parts.index, parts.keys.published,
        parts.settings.log_origin, service.clock.now, Claims(outside),
    )  # fmt: skip


def checkpoint(service: Deployment) -> str:
    service.parts.grow()
    return service.app.test_client().get("/log/checkpoint").get_data(as_text=True)


def receipt(service: Deployment, consent_id: str, org: str = "municipality-x") -> bytes:
    service.parts.grow()
    return service.get(f"/v1/consents/{consent_id}/receipt", org=org).get_data()


def assert_holds(service: Deployment, kept: bytes) -> None:
    """The receipt verifies with the published keys alone."""
    parts = service.parts
    now = service.clock.now
    report = verify_receipt(
        kept, parts.keys.published, Origins.named(parts.settings.log_origin), now
    )
    assert [one.verdict for one in report.statements] == ["verified"] * len(report.statements)
    assert report.statements
    assert report.exit_code == 0


# -- everything there is, and what the keys make of it -----------------------------------------

Rows = dict[str, list[dict[str, Any]]]


def everything(service: Deployment) -> Rows:
    with service.parts.units.engine.connect() as connection:
        return {
            name: [dict(row._mapping) for row in connection.execute(sa.select(table))]
            for name, table in metadata.tables.items()
        }


def values(rows: Rows) -> Iterator[tuple[str, str, Any]]:
    for table, found in rows.items():
        for row in found:
            for column, value in row.items():
                yield table, column, value


@dataclass
class Traces:
    """What must be nowhere afterwards, as it stood before: only a controller's, about one child."""

    keys: list[DataKey] = field(default_factory=list)
    key_ids: set[str] = field(default_factory=set)
    sealed: set[bytes] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)


def traces_of(service: Deployment, cpr: CprNumber, controller: str, *words: str) -> Traces:
    """Every id and every sealed value that is this controller's about this child."""
    rows, parts = everything(service), service.parts
    child_id = next(
        r["id"] for r in rows["child"] if r["cpr_hash"] in parts.index.child(cpr).values()
    )
    found = Traces(words={cpr.value, f"{cpr.value[:6]}-{cpr.value[6:]}", *words})
    for row in rows["data_key"]:
        if (row["organisation_id"], row["child_id"]) == (controller, child_id):
            found.key_ids.add(row["id"])
            found.keys.append(parts.units.ring.unwrap(row["id"], row["wrapped"]))
            found.sealed.add(row["wrapped"])
    assert found.keys
    for row in (row for table in rows.values() for row in table):
        if row.get("data_key_id") in found.key_ids:
            found.sealed |= {
                v for name, v in row.items() if isinstance(v, bytes) and "sealed" in name
            }
    owner = (controller, child_id)
    consents = {r["id"] for r in rows["consent"] if (r["controller_id"], r["child_id"]) == owner}
    found.ids = found.key_ids | consents
    found.ids |= {r["id"] for r in rows["signatory"] if r["consent_id"] in consents}
    assert len(found.sealed) > 8
    return found


def hashes(service: Deployment, cpr: CprNumber, rows: Rows) -> set[bytes]:
    """The child's number under every label, with every id and name it may have been joined to."""
    index = service.parts.index
    names = {r["id"] for r in rows["organisation"]}
    ids = {r["id"] for table in ("child", "person") for r in rows[table]}
    return (
        {index.token(cpr.value), index.request_body(cpr.value.encode())}
        | set(index.child(cpr).values())
        | {one for name in names for one in index.employee(name, cpr.value).values()}
        | {one for around in ids for one in index.person(around, cpr).values()}
        | {index.idempotency(cpr.value)}
    )


def opened(service: Deployment, rows: Rows) -> Iterator[str]:
    """Whatever any key of ours still opens, at whatever place it may have been sealed for."""
    ring = service.parts.units.ring
    keys = {UUID(r["id"]).bytes: ring.unwrap(r["id"], r["wrapped"]) for r in rows["data_key"]}
    for table, found in rows.items():
        for row in found:
            for column, value in row.items():
                if isinstance(value, bytes) and value[1:17] in keys:
                    yield _open(keys[value[1:17]], value, table, column, row)
                elif isinstance(value, bytes) and table != "data_key":
                    _assert_no_data_key(service, value)


def _open(key: DataKey, value: bytes, table: str, column: str, row: dict[str, Any]) -> str:
    names = [str(v) for v in row.values()] + [v.hex() for v in row.values() if isinstance(v, bytes)]
    names.append(f"{row.get('organisation_id')}/{row.get('person_id')}")
    for name in names:
        try:
            return key.open(value, Place(table, column, name)).decode(errors="replace")
        except Unreadable:
            continue
    raise AssertionError(f"{table}.{column} is under a key that does not open it")


def _assert_no_data_key(service: Deployment, value: bytes) -> None:
    """The key-encryption keys unwrap data keys in their own table only."""
    with pytest.raises((Unreadable, ValueError)):
        service.parts.units.ring.unwrap("00000000-0000-0000-0000-000000000000", value)


def raw_bytes(service: Deployment) -> bytes:
    """The SQLite file with what lies beside it; nothing where a server keeps the files."""
    path = service.parts.units.engine.url.database
    if service.parts.units.engine.dialect.name != "sqlite" or path is None:
        return b""
    files = [Path(path + end) for end in ("", "-wal", "-journal")]
    return b"".join(file.read_bytes() for file in files if file.exists())


def assert_gone(service: Deployment, traces: Traces, cpr: CprNumber, *, child_too: bool) -> None:
    rows = everything(service)
    everywhere = raw_bytes(service)
    for table, column, value in values(rows):
        where = f"{table}.{column}"
        if isinstance(value, bytes):
            assert value not in traces.sealed, where
            assert value[1:17] not in {UUID(one).bytes for one in traces.key_ids}, where
        elif isinstance(value, str):
            assert not [one for one in traces.ids | traces.words if one in value], where
    for text in opened(service, rows):
        assert not [word for word in traces.words if child_too and word in text]
        assert not [one for one in traces.ids if one in text]
    gone = hashes(service, cpr, rows) if child_too else set()
    assert not gone & {value for _, _, value in values(rows) if isinstance(value, bytes)}
    for needle in (*traces.sealed, *gone, *(one.encode() for one in traces.ids | traces.words)):
        assert needle not in everywhere
    assert not [1 for one in traces.key_ids if UUID(one).bytes in everywhere]


def rows_about_others(rows: Rows, traces: Traces) -> dict[str, list[str]]:
    """Every row that is not the erased one's, but for the child's version and the growing log."""
    return {
        table: sorted(
            repr({k: v for k, v in row.items() if (table, k) != ("child", "version")})
            for row in found
            if not (
                row.get("data_key_id") in traces.key_ids
                or {str(v) for v in row.values()} & traces.ids
            )
        )
        for table, found in rows.items()
        if table not in HEADERS
    }


# -- one of two siblings, one of two controllers -----------------------------------------------


def test_one_of_two_siblings_with_shared_parents(service: Deployment) -> None:
    erased_one, kept_one = service.in_force(), service.in_force(child=SIBLING)
    sent = service.disclose()
    assert sent.status_code == 201
    assert service.disclose(child={"cpr": "020418-4321"}).status_code == 201
    assert service.get(f"/v1/consents/{erased_one['id']}").status_code == 200
    outside, early = checkpoint(service), receipt(service, erased_one["id"])
    sibling_early = receipt(service, kept_one["id"])
    traces = traces_of(service, ALMA, "municipality-x", "Alma Test")
    before = everything(service)
    leaf = leaf_hash(
        next(r for r in before["log_header"] if r["entry_id"] == sent.json["id"])["header"]
    )

    erased = erase(service, ALMA)

    assert erased.rows.consents == 1
    assert erased.rows.data_keys == 1
    report = verify(service, (outside,))
    assert report.findings == ()
    assert report.erased == erased.rows.entries == len(erased.plans[0].entries) == 8
    assert_gone(service, traces, ALMA, child_too=True)
    after = everything(service)
    left, was = rows_about_others(after, traces), rows_about_others(before, traces)
    new = {t: set(left[t]) - set(was[t]) for t in left if set(left[t]) - set(was[t])}
    gone = {t: set(was[t]) - set(left[t]) for t in left if set(was[t]) - set(left[t])}
    # The erasure's own body came; of what is nobody's own, the child and its family around it went.
    assert {table: len(rows) for table, rows in new.items()} == {"log_body": 1}
    assert {table: len(rows) for table, rows in gone.items()} == {"child": 1, "person": 3}
    for kept in (early, sibling_early, receipt(service, kept_one["id"])):
        assert_holds(service, kept)
    proof = service.app.test_client().get(f"/log/proof?leaf={leaf.hex()}")
    assert proof.status_code == 200
    assert service.get(f"/v1/consents/{erased_one['id']}").status_code == 404
    # The sibling's consent is in force, and the shared parents sign as before.
    assert service.disclose(child={"cpr": "020418-4321"}).status_code == 201
    service.act(kept_one["id"], "custody_holder", "withdraw", nth=1)
    assert service.disclose(child={"cpr": "020418-4321"}).status_code == 403
    assert service.disclose().status_code == 403
    assert verify(service, (outside,)).findings == ()


def test_one_of_two_controllers_of_the_same_child(service: Deployment) -> None:
    erased_one = service.in_force()
    kept_one = service.in_force("municipality-z", parties=THREE)
    assert service.disclose().status_code == 201
    outside = checkpoint(service)
    early, other = (
        receipt(service, erased_one["id"]),
        receipt(service, kept_one["id"], "municipality-z"),
    )
    traces = traces_of(service, ALMA, "municipality-x")
    # The number and the name are the other controller's to keep.
    traces.words = set()
    before = everything(service)

    erase(service, ALMA)

    assert verify(service, (outside,)).findings == ()
    assert_gone(service, traces, ALMA, child_too=False)
    left, was = rows_about_others(everything(service), traces), rows_about_others(before, traces)
    changed = {t: set(left[t]) ^ set(was[t]) for t in left if set(left[t]) != set(was[t])}
    assert {table: len(rows) for table, rows in changed.items()} == {"log_body": 1}
    for kept in (early, other, receipt(service, kept_one["id"], "municipality-z")):
        assert_holds(service, kept)
    shown = service.get(f"/v1/consents/{kept_one['id']}", org="municipality-z")
    assert shown.json
    assert shown.json["status"] == "in_force"
    assert {s["name"] for s in shown.json["signatories"]} >= {"Mette Mor", "Frederik Far"}
    assert service.disclose(recipient="municipality-z").status_code == 201
    assert service.disclose(recipient="paediatrics").status_code == 403
    # And the other way round, the last one takes the child along.
    rest = traces_of(service, ALMA, "municipality-z", "Alma Test")
    for controller in ("municipality-z", "gp-y"):
        with service.parts.units.reading() as uow:
            is_there = _has(uow, service, controller)
        if is_there:
            erase(service, ALMA, controller)
    assert_gone(service, rest, ALMA, child_too=True)
    assert everything(service)["person"] == []
    assert verify(service, (outside,)).findings == ()


def _has(uow: Any, service: Deployment, controller: str) -> bool:
    try:
        plan_for_child(uow, service.parts.context, controller, ALMA)
    except NotFound:
        return False
    return True


def test_the_parents_of_an_erased_child_are_found_by_nothing(service: Deployment) -> None:
    service.in_force()
    before = everything(service)
    erase(service, ALMA)
    rows = everything(service)
    for parent in (MOTHER, FATHER):
        gone = hashes(service, CprNumber(parent), before)
        assert not gone & {value for _, _, value in values(rows) if isinstance(value, bytes)}
        assert parent.encode() not in raw_bytes(service)
        assert not [text for text in opened(service, rows) if parent in text]


def test_a_kept_answer_about_the_child_goes_too(service: Deployment) -> None:
    service.in_force()
    for replayed in (None, "true"):
        body = service.disclosure_body()
        answer = service.post("/v1/disclosures", body, org="gp-y", key="one-and-the-same")
        assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (201, replayed)
    about = {r["data_key_id"] for r in everything(service)["kept_answer"]} - {None}
    assert len(about) == 1
    erase(service, ALMA)
    assert {r["data_key_id"] for r in everything(service)["kept_answer"]} == {None}


# -- the act -----------------------------------------------------------------------------------


def test_the_entry_says_who_and_how_much_and_never_whom(service: Deployment) -> None:
    service.in_force()
    erased = erase(service, ALMA)
    entry = service.get(f"/v1/audit/entries/{erased.entry}").json
    assert entry
    assert entry["body"] == {
        "type": "data_erased",
        "organisation": "municipality-x",
        "performed_by": {"id": "e1"},
        "approved_by": {"id": "e2"},
        "reason": "the family asked for it",
        "rule": {"by": "child"},
        "counts": {"children": 1, "consents": 1, "entries": erased.rows.entries},
    }


def test_the_list_goes_into_the_export_and_is_the_one_the_header_names(
    service: Deployment,
) -> None:
    service.in_force()
    erased = erase(service, ALMA)
    lines = service.get("/v1/audit/export?type=data_erased").get_data(as_text=True).splitlines()
    (line,) = [json.loads(line) for line in lines]
    assert line["id"] == erased.entry
    listed = [(entry, bytes.fromhex(leaf)) for entry, leaf in line["erased"]]
    header = parse_header(base64url.decode(line["evidence"]["header"]))
    assert (header.kind, header.erased) == ("erasure", erased_list(listed))
    assert len(listed) == erased.rows.entries


@pytest.mark.parametrize(
    "approval",
    [
        Approval("e1", "e1", "why"),
        Approval("e1", " e1 ", "why"),
        Approval("kx-042", "KX-042", "why"),
        Approval("åse", "ÅSE", "why"),
        Approval("e1", "e\u200b1", "why"),
        Approval("e1", "\uff451", "why"),
        Approval("e1", "e2\u00a0", "why"),
        Approval("a\u030ase", "e2", "why"),
        Approval("", "e2", "why"),
        Approval("e1", "", "why"),
        Approval("e1", "e2", " "),
        Approval("e1", "e2", "about 010317-4321"),
        Approval("0103174321", "e2", "why"),
    ],
)
def test_without_two_employees_and_a_reason_nothing_happens(
    service: Deployment, approval: Approval
) -> None:
    service.in_force()
    before = everything(service)
    with service.parts.units.writing() as uow, pytest.raises(InvalidInput):
        erase_child(uow, service.parts.context, "municipality-x", ALMA, approval)
    assert everything(service) == before


def test_what_a_controller_does_not_have_it_cannot_erase(service: Deployment) -> None:
    service.in_force()
    for controller, cpr in (("municipality-x", BO), ("municipality-z", ALMA), ("none", ALMA)):
        with service.parts.units.writing() as uow, pytest.raises(NotFound):
            erase_child(uow, service.parts.context, controller, cpr, APPROVAL)


def _stop(service: Deployment, cpr: str, by: str = MOTHER, org: str = "gp-y") -> str:
    body = {"child": {"cpr": cpr}, "signer": {"cpr": by}, "channel": "oral"}
    who = {"performed_by": {"id": "g1", "name": "Lise Læge"}}
    answer = service.post("/v1/withdrawals", body | who, org=org)
    assert answer.status_code == 202
    return str(answer.json["id"])


@pytest.mark.parametrize("cpr", [ALMA, CprNumber("0707154327")], ids=["asked-about", "mistyped"])
def test_a_stop_that_was_taken_goes_with_the_child_it_names(
    service: Deployment, cpr: CprNumber
) -> None:
    service.in_force()
    taken, kept = _stop(service, cpr.value), _stop(service, BO.value)
    elsewhere = _stop(service, cpr.value, org="paediatrics")
    erased = erase(service, cpr, "gp-y")
    assert verify(service).findings == ()
    with service.parts.units.engine.connect() as connection:
        left = set(connection.scalars(sa.select(log_body.c.entry_id)))
        listed = sa.select(log_erased.c.entry_id).where(log_erased.c.erasure_id == erased.entry)
        gone = set(connection.scalars(listed))
    assert taken in gone
    assert taken not in left
    assert {kept, elsewhere} <= left
    with pytest.raises(NotFound):
        erase(service, cpr, "gp-y")


def test_a_link_and_a_session_die_with_the_consent(service: Deployment) -> None:
    asked = service.ask()
    address = asked["signatories"][0]["signing_url"]
    client = service.app.test_client()
    path = address.removeprefix(service.settings.base_url)
    assert client.get(path).status_code == 303
    assert client.get("/sign/").status_code == 200
    erase(service, ALMA)
    assert client.get("/sign/").status_code == 404
    assert service.app.test_client().get(path).status_code == 404
    assert everything(service)["signing_session"] == []


def test_an_erasure_waits_for_a_signers_request_under_way(service: Deployment) -> None:
    """Both take the session before the key, so that neither can be the other's deadlock."""
    asked = service.ask()
    client = service.app.test_client()
    client.get(asked["signatories"][0]["signing_url"].removeprefix(service.settings.base_url))
    cookie = client.get_cookie("signing", domain="localhost")
    assert cookie is not None
    with ThreadPoolExecutor(1) as pool:
        with service.parts.units.writing() as uow:
            session = uow.signing_sessions.find(cookie.value)
            assert session is not None
            erasing = pool.submit(erase, service, ALMA)
            with pytest.raises(TimeoutError):
                erasing.result(timeout=0.5)
            child_id, now = uow.children.find(ALMA).id, service.clock.now
            uow.signing_sessions.begin("s" * 43, session.link, "municipality-x", child_id, now)
            uow.commit()
        assert erasing.result(timeout=30).rows.consents == 1
    assert everything(service)["signing_session"] == []


def test_a_key_still_in_memory_cannot_write(service: Deployment) -> None:
    """The foreign key of the row refuses, whatever another process has cached."""
    service.in_force()
    units = service.parts.units
    with units.reading() as uow:
        stale = uow.children.find(ALMA)
        assert stale is not None
        row = uow.connection.execute(
            sa.select(data_key).where(data_key.c.child_id == stale.id)
        ).one()
    erase(service, ALMA)
    with units.writing() as uow:
        uow.keys.remember(row.organisation_id, row.child_id, row.id, row.wrapped)
        entry = uow.connection.scalars(sa.select(log_header.c.entry_id).limit(1)).one()
        with pytest.raises(IntegrityError):
            uow.children.save_details("municipality-x", stale.id, stale.id, _details(), entry)


def _details() -> Any:
    from consent_service.services.children.model import PersonDetails

    return PersonDetails(ALMA, "Alma Test", None, None, None, "da", name_protected=False)


def test_the_child_can_be_asked_about_again(service: Deployment) -> None:
    service.in_force()
    erase(service, ALMA)
    again = service.in_force()
    assert service.disclose().status_code == 201
    assert service.get(f"/v1/consents/{again['id']}").json["status"] == "in_force"
    assert verify(service).findings == ()


def test_disclosures_meanwhile_are_decided_on_what_is_left(service: Deployment) -> None:
    """With the row of the child taken (R8), nothing is permitted once the erasure was answered."""
    service.in_force()
    stop = threading.Event()
    answers: list[tuple[float, int]] = []
    service.token("gp-y")

    def ask() -> None:
        while not stop.is_set():
            begun = time.monotonic()
            answers.append((begun, service.disclose().status_code))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        while not [status for _, status in answers if status == 201]:
            time.sleep(0.01)
        with service.parts.units.writing() as uow:
            erase_child(uow, service.parts.context, "municipality-x", ALMA, APPROVAL)
            uow.commit()
        erased_at = time.monotonic()
        while not [begun for begun, _ in answers if begun > erased_at]:
            time.sleep(0.01)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {status for _, status in answers} <= {201, 403, 503}
    assert {status for begun, status in answers if begun > erased_at} <= {403, 503}
    service.parts.grow()
    assert verify(service).findings == ()


# -- a denial that still stands ----------------------------------------------------------------


def test_forgetting_never_turns_a_no_into_a_yes(service: Deployment) -> None:
    """The mother said no to one municipality; that stops what she had granted the other (R5)."""
    kept_one = service.in_force("municipality-z", parties=THREE)
    assert service.disclose(recipient="municipality-z").status_code == 201
    no = service.ask(parties=THREE)
    service.act(no["id"], "custody_holder", "decline", nth=0)
    assert service.disclose(recipient="municipality-z").status_code == 403
    with service.parts.units.reading() as uow:
        plan, _ = plan_for_child(uow, service.parts.context, "municipality-x", ALMA)
    assert plan is not None
    assert plan.needed == {no["id"]}
    before = everything(service)
    with service.parts.units.writing() as uow, pytest.raises(Conflict) as refused:
        erase_child(uow, service.parts.context, "municipality-x", ALMA, APPROVAL)
    assert refused.value.code == "denial_still_needed"
    assert everything(service) == before
    # Once nothing live needs it, it goes.
    end = {"reason": "case_closed", "note": None, "performed_by": {"id": "e1", "name": "K"}}
    path = f"/v1/consents/{kept_one['id']}/cancellation"
    assert service.post(path, end, org="municipality-z").status_code == 200
    erase(service, ALMA)
    assert service.disclose(recipient="municipality-z").status_code == 403
    assert verify(service).findings == ()


# -- what somebody with the database can try ----------------------------------------------------


def damage(service: Deployment, *statements: Any) -> None:
    """Change the raw database as its owner: no trigger, no foreign key."""
    engine = sa.create_engine(service.parts.units.engine.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            names = connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            )
            for name in names.scalars().all():
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        for statement in statements:
            connection.execute(statement)


@dataclass(frozen=True)
class Scene:
    service: Deployment
    before: Rows
    erasure: str
    erased: list[str]
    kept: str


@pytest.fixture
def scene(service: Deployment) -> Scene:
    """One sibling erased; the other's disclosure is still there."""
    service.in_force()
    service.in_force(child=SIBLING)
    sent = service.disclose(child={"cpr": "020418-4321"})
    assert sent.json
    service.parts.grow()
    before = everything(service)
    erased = erase(service, ALMA)
    assert verify(service).findings == ()
    ids = [entry.id for entry in erased.plans[0].entries]
    return Scene(service, before, erased.entry, ids, sent.json["id"])


def kinds(service: Deployment) -> set[str]:
    return {finding.kind for finding in verify(service).findings}


def test_an_unlisted_deletion_is_found(scene: Scene) -> None:
    damage(scene.service, sa.delete(log_body).where(log_body.c.entry_id == scene.kept))
    (found,) = verify(scene.service).findings
    assert found.kind == "body_missing"
    assert scene.kept in found.place


def test_a_deletion_passed_off_as_part_of_the_erasure_is_found(scene: Scene) -> None:
    leaf = next(r["leaf"] for r in scene.before["log_leaf"] if r["entry_id"] == scene.kept)
    row = {"entry_id": scene.kept, "erasure_id": scene.erasure, "leaf": leaf}
    damage(
        scene.service,
        sa.insert(log_erased).values(row),
        sa.delete(log_body).where(log_body.c.entry_id == scene.kept),
    )
    assert kinds(scene.service) == {"erasure_mismatch"}


def test_a_list_of_an_erasure_that_never_was_is_found(scene: Scene) -> None:
    leaf = next(r["leaf"] for r in scene.before["log_leaf"] if r["entry_id"] == scene.kept)
    row = {"entry_id": scene.kept, "erasure_id": scene.kept, "leaf": leaf}
    damage(
        scene.service,
        sa.insert(log_erased).values(row),
        sa.delete(log_body).where(log_body.c.entry_id == scene.kept),
    )
    assert kinds(scene.service) == {"erasure_mismatch"}


def test_a_line_taken_from_the_list_is_found(scene: Scene) -> None:
    damage(scene.service, sa.delete(log_erased).where(log_erased.c.entry_id == scene.erased[3]))
    assert kinds(scene.service) == {"erasure_mismatch", "body_missing"}


def test_a_changed_line_of_the_list_is_found(scene: Scene) -> None:
    where = log_erased.c.entry_id == scene.erased[3]
    damage(scene.service, sa.update(log_erased).where(where).values(leaf=bytes(32)))
    assert kinds(scene.service) == {"erasure_mismatch"}


def test_a_body_put_back_is_found(scene: Scene) -> None:
    rows = [r for r in scene.before["log_body"] if r["entry_id"] == scene.erased[0]]
    key = [r for r in scene.before["data_key"] if r["id"] == rows[0]["data_key_id"]]
    children = [r for r in scene.before["child"] if r["id"] == key[0]["child_id"]]
    damage(
        scene.service,
        sa.insert(child).values(children),
        sa.insert(data_key).values(key),
        sa.insert(log_body).values(rows),
    )
    assert "body_not_erased" in kinds(scene.service)


def test_a_fact_put_back_is_found(scene: Scene) -> None:
    put_back = [r for r in scene.before["fact"] if r["entry_id"] in scene.erased]
    damage(scene.service, sa.insert(fact).values(put_back))
    assert kinds(scene.service) == {"fact_mismatch"}


# -- what the database itself refuses ------------------------------------------------------------


def _a_fact(connection: Connection) -> Any:
    return connection.execute(sa.select(fact, log_leaf.c.leaf).join(
        log_leaf, log_leaf.c.entry_id == fact.c.entry_id).limit(1)).one()  # fmt: skip


def test_a_fact_goes_only_by_the_list_of_an_erasure_in_the_tree(service: Deployment) -> None:
    service.in_force()
    service.parts.grow()
    engine = service.parts.units.engine
    with engine.connect() as connection:
        one = _a_fact(connection)
        header = dict(connection.execute(sa.select(log_header).limit(1)).one()._mapping)
    gone = sa.delete(fact).where(fact.c.entry_id == one.entry_id)
    with engine.connect().execution_options(writes=True) as connection:
        # An erasure that waits, or never will be in the tree, is none yet.
        waiting = str(UUID(int=1))
        forged = header | {"entry_id": waiting}
        connection.execute(sa.insert(log_header).values(forged))
        connection.execute(sa.insert(log_pending).values(entry_id=waiting, time=header["time"]))
        listed = {"entry_id": one.entry_id, "erasure_id": waiting, "leaf": one.leaf}
        connection.execute(sa.insert(log_erased).values(listed))
        with pytest.raises(DBAPIError, match="fact is append-only"):
            connection.execute(gone)


def test_everything_about_a_child_is_known_to_the_erasing() -> None:
    """A new table that hangs on a child's rows has to be erased from, or it keeps the child."""
    hanging = {child, data_key, consent, person}
    grew = True
    while grew:
        more = {
            table
            for table in metadata.tables.values()
            if any(key.column.table in hanging for key in table.foreign_keys)
        }
        grew = not more <= hanging
        hanging |= more
    named_by_key = {t for t in metadata.tables.values() if "data_key_id" in t.columns}
    # Of staff, under the key of their organisation: about no child.
    hanging -= {staff_login, staff_session}
    named_by_key -= {staff_login, staff_session}
    assert hanging | named_by_key == set(ERASED_FROM)
