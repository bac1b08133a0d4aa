"""Whoever owns the database changes it, and verification says where.

The damage is done in the raw database, past every trigger and foreign key.
"""

import hashlib
import json
import random
import re
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from consent_service.audit.checkpoint import sign_checkpoint
from consent_service.audit.entry import Entry, compose_entry
from consent_service.audit.finding import VerifyReport
from consent_service.audit.merkle import Frontier, leaf_hash
from consent_service.audit.promise import make_promise
from consent_service.audit.tree_checks import Claims
from consent_service.domain.kernel.facts import Scope
from consent_service.persistence.catalogue.tables import (
    category,
    organisation,
    purpose,
    purpose_overlap,
    template_version,
)
from consent_service.persistence.children.tables import child, fact, person, person_details
from consent_service.persistence.consents.tables import consent, consent_party, signatory
from consent_service.persistence.kernel.column_types import UuidText
from consent_service.persistence.kernel.database import engine_options, prepare
from consent_service.persistence.keys.sealing import Place
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import (
    log_body,
    log_checkpoint,
    log_head,
    log_header,
    log_leaf,
    log_node,
    log_origin,
    log_pending,
    log_rejected,
    log_sequencer,
)
from consent_service.persistence.schema import metadata
from consent_service.persistence.signatures.tables import statement
from consent_service.persistence.verification.log_reader import Processes, verify_database
from consent_service.signing.canonical import canonical_json
from consent_service.signing.own_keys import own_keys
from consent_service.wiring import key_source
from tests.deployment import COLLEAGUE, EMPLOYEE, FATHER, PURPOSE, Deployment, deploy
from tests.deployment import person as named
from tests.postgres_cluster import Cluster

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@dataclass(frozen=True)
class Copy:
    """A copy of the furnished database that a test may damage, and how to verify it."""

    deployment: Deployment
    engine: Engine
    url: str
    outside: str
    folder: Path

    def verify(
        self,
        *,
        keys: bool = True,
        outside: tuple[str, ...] = (),
        anchor: str | None = None,
        processes: int = 1,
    ) -> VerifyReport:
        parts = self.deployment.parts
        return verify_database(
            self.engine,
            parts.units.ring if keys else None,
            parts.index if keys else None,
            own_keys(parts.keys.published, parts.keys.schedules.values() if keys else ()),
            parts.settings.log_origin,
            self.deployment.clock.now,
            Claims(outside, anchor),
            Processes(processes, key_source(parts.settings)),
        )

    def damage(self, do: Callable[[Connection], Any]) -> Any:
        """Change the raw database as its owner: no trigger, no foreign key."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            _drop_guards(connection)
            return do(connection)


def _drop_guards(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET session_replication_role = replica")
        return
    names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for name in names.scalars().all():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')


@dataclass(frozen=True)
class Original:
    """A deployment that has seen a bit of everything, and an early checkpoint of its log."""

    deployment: Deployment
    outside: str
    database: str
    cluster: Cluster | None

    @contextmanager
    def copied(self, folder: Path) -> Iterator[Copy]:
        if self.cluster is None:
            path = folder / "copy.db"
            shutil.copyfile(self.database, path)
            name, url = "", f"sqlite:///{path}"
        else:
            name = self.cluster.create_database(template=self.database)
            url = self.cluster.url(name)
        engine = prepare(sa.create_engine(url, **engine_options(url)))
        try:
            yield Copy(self.deployment, engine, url, self.outside, folder)
        finally:
            engine.dispose()
            if self.cluster is not None:
                self.cluster.drop_database(name)


@pytest.fixture(scope="module", params=BOTH)
def original(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Original]:
    folder = tmp_path_factory.mktemp("original")
    if request.param == "sqlite":
        database = str(folder / "consent.db")
        shutil.copyfile(request.getfixturevalue("sqlite_template"), database)
        url, cluster = f"sqlite:///{database}", None
    else:
        cluster = request.getfixturevalue("postgres_cluster")
        database = cluster.create_database(template=request.getfixturevalue("postgres_template"))
        url = cluster.url(database)
    deployment = deploy(url, folder)
    early = _live_a_little(deployment)
    # The last connection to close brings the write-ahead log home.
    deployment.close()
    yield Original(deployment, early, database, cluster)
    if cluster is not None:
        cluster.drop_database(database)


@pytest.fixture
def copy(original: Original, tmp_path: Path) -> Iterator[Copy]:
    """A copy to leave damaged."""
    with original.copied(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared_copy(original: Original, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A copy for damages that are mended again."""
    with original.copied(tmp_path_factory.mktemp("shared")) as made:
        yield made


def _live_a_little(deployment: Deployment) -> str:
    """Every kind of fact and most kinds of entry; returns a checkpoint taken half-way."""
    deployment.furnish()
    deployment.register("follow-up", PURPOSE)
    deployment.register("review")
    deployment.overlap("follow-up", "review")
    asked = deployment.ask()
    deployment.act(asked["id"], "custody_holder", nth=0)
    narrower = Scope(frozenset({"paediatrics"}), frozenset())
    deployment.act(asked["id"], "custody_holder", nth=1, left_out=narrower)
    sent = deployment.disclose()
    assert sent.status_code == 201, sent.json
    assert sent.json
    deployment.parts.grow()
    with deployment.parts.units.engine.connect() as connection:
        early = connection.scalar(
            sa.select(log_checkpoint.c.note).order_by(log_checkpoint.c.size.desc()).limit(1)
        )
    deployment.clock.forward(minutes=5)
    other = deployment.in_force(
        "municipality-z", parties=["gp-y", "municipality-x", "municipality-z"]
    )
    deployment.act(other["id"], "custody_holder", "withdraw", nth=1)
    assert deployment.disclose(categories=["health"]).status_code == 403
    basis = {"type": "vital_interest", "provision": "§ 1", "justification": "Akut."}
    assert deployment.disclose(legal_basis=basis).status_code == 201
    sibling = named("020418-4321", "Bo Test", birth_date="2018-04-02")
    third = deployment.ask(child=sibling)
    deployment.act(third["id"], "custody_holder", "decline", nth=0)
    excused = deployment.post(
        f"/v1/consents/{third['id']}/exemptions",
        {
            "signatory": _signatory(third, 1),
            "reason": "unknown_whereabouts",
            "provision": "Forældreansvarsloven § 2",
            "evidence_reference": "sag-1",
            "valid_until": None,
            "note": None,
            "performed_by": EMPLOYEE,
        },
    )
    assert excused.status_code == 201, excused.json
    assert excused.json
    path = f"/v1/consents/{third['id']}/exemptions/{excused.json['id']}"
    body = {"performed_by": COLLEAGUE}
    deployment.act(third["id"], "custody_holder", "grant", nth=0)
    for step in ("confirmation", "revocation"):
        answer = deployment.post(f"{path}/{step}", body)
        assert answer.status_code == 200, answer.json
    _sign_on_paper(deployment, third)
    # A head between two others, on PostgreSQL too.
    deployment.parts.grow()
    change = {
        "child": {"cpr": "010317-4321"},
        "custody": {
            "source": "cpr-register",
            "as_of": "2026-11-23",
            "holders": [named(FATHER, "Frederik Far", role="parent")],
        },
        "effective_from": "2026-11-23",
        "performed_by": EMPLOYEE,
    }
    assert deployment.post("/v1/custody-changes", change).status_code == 201
    cancelled = {"reason": "case_closed", "note": None, "performed_by": EMPLOYEE}
    answer = deployment.post(f"/v1/consents/{third['id']}/cancellation", cancelled)
    assert answer.status_code == 200, answer.json
    for path in (f"/v1/consents/{asked['id']}", f"/v1/consents/{asked['id']}/receipt", "/v1/audit"):
        deployment.get(path)
    unknown = deployment.disclose(child={"cpr": "0405164321"})
    assert unknown.status_code == 403, unknown.json
    reported = {"outcome": "sent", "performed_by": EMPLOYEE}
    answer = deployment.post(f"/v1/disclosures/{sent.json['id']}/outcome", reported, org="gp-y")
    assert answer.status_code == 200, answer.json
    deployment.parts.grow()
    return str(early)


def _sign_on_paper(deployment: Deployment, asked: dict[str, Any]) -> None:
    paper = {
        "signatory": _signatory(asked, 1),
        "decision": "grant",
        "signed_on": "2026-11-23",
        "document": {"reference": "journal-1", "sha256": "ab" * 32},
        "identity_checked": "passport",
        "performed_by": EMPLOYEE,
    }
    path = f"/v1/consents/{asked['id']}/paper-grants"
    recorded = deployment.post(path, paper)
    assert recorded.status_code == 201, recorded.json
    assert recorded.json
    body = {"performed_by": COLLEAGUE}
    confirmed = deployment.post(f"{path}/{recorded.json['id']}/confirmation", body)
    assert confirmed.status_code == 200, confirmed.json
    mistaken = deployment.post(path, paper)
    assert mistaken.json
    rejected = deployment.post(f"{path}/{mistaken.json['id']}/rejection", body)
    assert rejected.status_code == 200, rejected.json


def _signatory(asked: dict[str, Any], nth: int) -> str:
    holders = [s for s in asked["signatories"] if s["role"] == "custody_holder"]
    return str(holders[nth]["id"])


# -- what is sound --------------------------------------------------------------------------


def test_a_furnished_log_verifies_and_says_what_was_checked(copy: Copy) -> None:
    report = copy.verify(outside=(copy.outside,))
    assert (report.findings, report.notices, report.exit_code) == ((), (), 0)
    assert report.is_complete
    kinds = copy.damage(lambda c: set(c.scalars(sa.select(fact.c.kind))))
    assert kinds == {
        "request", "custody_change", "grant", "decline", "withdraw", "exemption_recorded",
        "exemption_confirmed", "exemption_revoked", "cancellation", "paper_recorded",
        "paper_rejected",
    }  # fmt: skip
    facts = copy.damage(lambda c: c.scalar(sa.select(sa.func.count()).select_from(fact)))
    said = " / ".join(report.checked)
    assert report.bodies_checked == report.entries > 30
    for words in (
        *(f"{report.entries} leaves", "nodes", f"{facts} facts", "3 consents", "outside"),
        "9 purposes, overlaps and categories and their entries, both ways",
    ):
        assert words in said


def test_without_keys_the_bodies_are_not_checked_and_the_report_says_so(copy: Copy) -> None:
    report = copy.verify(keys=False)
    assert (report.findings, report.bodies_checked) == ((), 0)
    assert "bodies not checked" in report.checked
    copy.damage(lambda c: _flip_first(c, log_body, "sealed"))
    assert copy.verify(keys=False).exit_code == 0
    assert copy.verify().exit_code == 1


# -- one changed value, anywhere ------------------------------------------------------------

OTHER: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("organisation", "confirmation"): lambda kind: "login" if kind == "any" else "any",
    ("fact", "kind"): lambda kind: "withdraw" if kind != "withdraw" else "grant",
    # The next one is taken, and a number is part of the key.
    ("fact", "seq"): lambda seq: seq + 1_000,
}


def flip(
    connection: Connection, table: sa.Table, column: str, row: dict[str, Any], chance: random.Random
) -> Any:
    """Change one byte or character of one value of a row; the new value."""
    new = _changed(table.c[column], row[column], chance)
    where = [c == row[c.name] for c in table.primary_key]
    assert connection.execute(sa.update(table).where(*where).values({column: new})).rowcount == 1
    return new


def _changed(column: sa.Column[Any], old: Any, chance: random.Random) -> Any:
    other = OTHER.get((column.table.name, column.name))
    if other is not None:
        return other(old)
    if isinstance(column.type, UuidText):
        # Still a UUID: PostgreSQL can hold nothing else there.
        place, digit = chance.choice([(n, c) for n, c in enumerate(old) if c != "-"])
        return old[:place] + chance.choice([c for c in "0a7" if c != digit]) + old[place + 1 :]
    if isinstance(old, bytes):
        place = chance.randrange(len(old))
        return old[:place] + bytes([old[place] ^ 1 << chance.randrange(8)]) + old[place + 1 :]
    if isinstance(old, str):
        place = chance.randrange(len(old))
        other = chance.choice([c for c in "0aZ" if c != old[place]])
        return old[:place] + other + old[place + 1 :]
    if isinstance(old, datetime):
        return old + timedelta(microseconds=1)
    return old + 1


def _flip_first(connection: Connection, table: sa.Table, column: str) -> None:
    chance = random.Random(1)
    flip(connection, table, column, _sample(connection, table, column, chance)[0], chance)


def _sample(
    connection: Connection, table: sa.Table, column: str, chance: random.Random
) -> list[dict[str, Any]]:
    """The first and the last row that have a value there, and one between."""
    query = sa.select(table).where(table.c[column].is_not(None)).order_by(*table.primary_key)
    if table.c[column] is fact.c.kind:
        # The database itself refuses any other kind where no consent is named.
        query = query.where(fact.c.consent_id.is_not(None))
    rows = [dict(row._mapping) for row in connection.execute(query)]
    return [rows[0], rows[-1], *chance.sample(rows[1:-1], min(1, len(rows[1:-1])))]


ENTRY = r"\(entry {entry_id}\)$"
CASES: list[tuple[sa.Table, str, str]] = [
    (log_header, "header leaf promise time", ENTRY),
    (log_body, "sealed time type outcome data_key_id", ENTRY),
    (log_body, "controller_id organisation_id recipient_id consent_id about_id", ENTRY),
    (log_body, "employee_hash", ENTRY),
    (log_leaf, "leaf entry_id", r"^\w+ {index} \(entry"),
    (log_node, "hash", "^node level {level} index {index}$"),
    (log_head, "root", "^head {size}$"),
    (log_checkpoint, "note", "^checkpoint {size}$"),
    (fact, "at kind controller_id consent_id person_id payload seq entry_id", "^fact {child_id}/"),
    (consent, "terms_sha256 terms_sealed template_id created_at data_key_id", "^consent {id}$"),
    (consent, "controller_id child_id", r"^consent {id}$|^fact \S+ \(entry"),
    (statement, "seal_sealed evidence_sealed sha256 consent_id signatory_id entry_id", ENTRY),
    (statement, "data_key_id", ENTRY),
    (signatory, "person_id consent_id", "^signatory {id}$"),
    (person_details, "sealed data_key_id", "^person {person_id} of {organisation_id}$"),
    (data_key, "wrapped organisation_id", r"^body \S+ \(entry"),
    (child, "cpr_hash", r"^(consent|body) "),
    (person, "child_id cpr_hash", "^person {id}( of |$)|^signatory "),
    (organisation, "confirmation changed_at", "^organisation {id}$"),
    (
        template_version,
        "content sha256 published_at entry_id version",
        "^template {organisation_id}/{id}/|^template {organisation_id}/{id}/{version}$",
    ),
    (purpose, "registered_at entry_id", "^purpose {id}$"),
    (purpose_overlap, "since entry_id", "^overlap {one_id} and {other_id}$"),
    (category, "registered_at entry_id", "^category {id}$"),
    (purpose, "id", ENTRY),
    (purpose_overlap, "one_id other_id", ENTRY),
    (category, "id", ENTRY),
]
COLUMNS = [
    pytest.param(table, column, place, id=f"{table.name}.{column}")
    for table, columns, place in CASES
    for column in columns.split()
]


@pytest.mark.parametrize(("table", "column", "place"), COLUMNS)
def test_one_changed_value_is_found_and_named(
    shared_copy: Copy, table: sa.Table, column: str, place: str
) -> None:
    copy = shared_copy
    chance = random.Random(f"{table.name}.{column}")
    for row in copy.damage(lambda c: _sample(c, table, column, chance)):
        new = copy.damage(partial(flip, table=table, column=column, row=row, chance=chance))
        report = copy.verify()
        pattern = place.format(**{name: re.escape(str(value)) for name, value in row.items()})
        places = [one.place for one in report.findings]
        assert any(re.search(pattern, one) for one in places), (row, new, report.findings)
        copy.damage(partial(_mend, table=table, row=row, damaged=row | {column: new}))
    assert copy.verify().exit_code == 0


def _mend(
    connection: Connection, table: sa.Table, row: dict[str, Any], damaged: dict[str, Any]
) -> None:
    where = [c == damaged[c.name] for c in table.primary_key]
    assert connection.execute(sa.update(table).where(*where).values(row)).rowcount == 1


# -- rows taken out, put in, swapped --------------------------------------------------------


def _entry_of(connection: Connection, type_: str) -> str:
    query = sa.select(log_body.c.entry_id).where(log_body.c.type == type_)
    return str(connection.scalars(query.order_by(log_body.c.entry_id)).first())


def _position(connection: Connection, entry: str) -> int:
    query = sa.select(log_leaf.c.index).where(log_leaf.c.entry_id == entry)
    return int(connection.scalars(query).one())


def _delete(connection: Connection, entry: str, *tables: sa.Table) -> str:
    """Delete an entry's rows; a pattern for its place."""
    position = _position(connection, entry)
    for table in tables:
        assert connection.execute(sa.delete(table).where(table.c.entry_id == entry)).rowcount == 1
    return rf"\w+ {position}\b"


def delete_a_withdrawal(connection: Connection) -> str:
    return _delete(connection, _entry_of(connection, "consent_withdrawn"), fact, statement)


def delete_a_papers_recording(connection: Connection) -> str:
    """Only the act itself then tells that somebody recorded the paper it confirms."""
    _delete(connection, _entry_of(connection, "paper_recorded"), fact, log_body)
    act = sa.select(fact.c.entry_id).where(
        fact.c.kind == "grant", fact.c.payload.contains('"paper"')
    )
    return rf"fact \S+ \(entry {connection.scalars(act).one()}\)"


def delete_a_withdrawals_statement(connection: Connection) -> str:
    entry = _entry_of(connection, "consent_withdrawn")
    _delete(connection, entry, statement)
    return rf"fact \S+ \(entry {entry}\)"


def leave_a_statement_without_its_act(connection: Connection) -> str:
    entry = _entry_of(connection, "consent_withdrawn")
    _delete(connection, entry, fact)
    return rf"statement [0-9a-f]{{64}} \(entry {entry}\)"


def delete_a_withdrawal_and_its_body(connection: Connection) -> str:
    return _delete(
        connection, _entry_of(connection, "consent_withdrawn"), fact, statement, log_body
    )


def delete_a_withdrawal_without_a_trace(connection: Connection) -> str:
    entry = _entry_of(connection, "consent_withdrawn")
    return _delete(connection, entry, fact, statement, log_body, log_leaf, log_header)


def delete_a_body_that_no_erasure_lists(connection: Connection) -> str:
    return _delete(connection, _entry_of(connection, "disclosure"), log_body)


def delete_a_header(connection: Connection) -> str:
    return _delete(connection, _entry_of(connection, "disclosure"), log_header)


def delete_a_node(connection: Connection) -> str:
    connection.execute(sa.delete(log_node).where(log_node.c.level == 1, log_node.c.index == 2))
    return "node level 1 index 2"


def delete_a_custody_change(connection: Connection) -> str:
    return _delete(connection, _entry_of(connection, "custody_changed"), fact)


def delete_a_party(connection: Connection) -> str:
    consent_id = connection.scalars(sa.select(consent.c.id)).first()
    connection.execute(
        sa.delete(consent_party).where(
            consent_party.c.consent_id == consent_id, consent_party.c.organisation_id == "gp-y"
        )
    )
    return f"consent {consent_id}"


def delete_an_overlap(connection: Connection) -> str:
    """Its purpose stays: a no for the one would no longer stop the other."""
    row = connection.execute(
        sa.select(purpose_overlap, purpose.c.id).join(
            purpose, purpose.c.entry_id == purpose_overlap.c.entry_id
        )
    ).one()
    connection.execute(
        sa.delete(purpose_overlap).where(
            purpose_overlap.c.one_id == row.one_id, purpose_overlap.c.other_id == row.other_id
        )
    )
    return rf"body \d+ \(entry {row.entry_id}\)"


def delete_an_overlap_of_older_purposes(connection: Connection) -> str:
    entry = _entry_of(connection, "purpose_overlap_registered")
    return _delete(connection, entry, purpose_overlap)


def insert_an_overlap(connection: Connection) -> str:
    """Vouched for by the entry of another one."""
    row = dict(connection.execute(sa.select(purpose_overlap)).mappings().all()[0])
    pair = {"one_id": "joint-action-plan", "other_id": "review"}
    connection.execute(sa.insert(purpose_overlap).values(row | pair))
    return "^overlap joint-action-plan and review$"


def let_a_template_name_what_nobody_registered(connection: Connection) -> str:
    row = connection.execute(sa.select(template_version)).all()[0]
    content = canonical_json(json.loads(row.content) | {"purpose": "whatever"})
    connection.execute(
        sa.update(template_version)
        .where(template_version.c.organisation_id == row.organisation_id)
        .values(content=content, sha256=hashlib.sha256(content).hexdigest())
    )
    return f"^template {row.organisation_id}/{row.id}/{row.version}$"


def publish_a_template_in_nobodys_name(connection: Connection) -> str:
    """An INSERT alone: every new request would be signed by whomever it says."""
    row = dict(connection.execute(sa.select(template_version)).mappings().all()[0])
    content = canonical_json(json.loads(row["content"]) | {"signer_rule": "one_holder"})
    entry = connection.scalars(
        sa.select(log_header.c.entry_id)
        .where(log_header.c.entry_id.not_in(sa.select(template_version.c.entry_id)))
        .order_by(log_header.c.entry_id)
    ).first()
    digest = hashlib.sha256(content).hexdigest()
    added = {"version": 2, "content": content, "sha256": digest, "entry_id": entry}
    connection.execute(sa.insert(template_version).values(row | added))
    return f"^template {row['organisation_id']}/{row['id']}/2$"


def delete_a_template(connection: Connection) -> str:
    return _delete(connection, _entry_of(connection, "template_published"), template_version)


def swap_two_leaves(connection: Connection) -> str:
    first, second = connection.execute(
        sa.select(log_leaf).where(log_leaf.c.index.in_((9, 10))).order_by(log_leaf.c.index)
    )
    connection.execute(sa.delete(log_leaf).where(log_leaf.c.index.in_((9, 10))))
    for position, row in ((9, second), (10, first)):
        values = {"index": position, "entry_id": row.entry_id, "leaf": row.leaf}
        connection.execute(sa.insert(log_leaf).values(values))
    return "node level 1 index 4|head 10"


def swap_two_withdrawals_of_order(connection: Connection) -> str:
    """A grant and the withdrawal after it change numbers, so that the grant comes last."""
    withdrawn = connection.execute(sa.select(fact).where(fact.c.kind == "withdraw")).first()
    assert withdrawn is not None
    before = sa.select(fact).where(
        fact.c.child_id == withdrawn.child_id, fact.c.seq == withdrawn.seq - 1
    )
    granted = connection.execute(before).one()
    assert granted.kind == "grant"
    for row, seq in ((withdrawn, 999), (granted, withdrawn.seq), (withdrawn, granted.seq)):
        where = fact.c.entry_id == row.entry_id
        connection.execute(sa.update(fact).where(where).values(seq=seq))
    return f"fact {withdrawn.child_id}/{withdrawn.seq} "


def insert_a_fact(connection: Connection) -> str:
    """A second grant for one that was withdrawn, vouched for by another entry."""
    granted = connection.execute(sa.select(fact).where(fact.c.kind == "grant")).mappings().first()
    assert granted is not None
    row = dict(granted)
    entry = _entry_of(connection, "link_issued")
    row |= {"seq": 1, "entry_id": entry, "at": row["at"] + timedelta(days=1)}
    connection.execute(sa.delete(fact).where(fact.c.child_id == row["child_id"], fact.c.seq == 1))
    connection.execute(sa.insert(fact).values(row))
    return f"fact {row['child_id']}/1 "


def forget_a_signer(connection: Connection) -> str:
    """Their page could not be shown, though another controller still knows of them."""
    query = (
        sa.select(consent.c.controller_id, signatory.c.person_id)
        .join(signatory, signatory.c.consent_id == consent.c.id)
        .order_by(consent.c.created_at)
    )
    controller, forgotten = connection.execute(query).all()[0]
    where = (
        person_details.c.organisation_id == controller,
        person_details.c.person_id == forgotten,
    )
    assert connection.execute(sa.delete(person_details).where(*where)).rowcount == 1
    return f"^person {forgotten} of {controller}$"


DAMAGES = [
    forget_a_signer,
    delete_a_withdrawal,
    delete_a_papers_recording,
    delete_a_withdrawals_statement,
    leave_a_statement_without_its_act,
    delete_a_withdrawal_and_its_body,
    delete_a_withdrawal_without_a_trace,
    delete_a_body_that_no_erasure_lists,
    delete_a_header,
    delete_a_node,
    delete_a_custody_change,
    delete_a_party,
    delete_an_overlap,
    delete_an_overlap_of_older_purposes,
    insert_an_overlap,
    let_a_template_name_what_nobody_registered,
    publish_a_template_in_nobodys_name,
    delete_a_template,
    swap_two_leaves,
    swap_two_withdrawals_of_order,
    insert_a_fact,
]


@pytest.mark.parametrize("do", DAMAGES, ids=lambda do: do.__name__)
def test_what_was_taken_out_or_put_in_is_found_and_named(
    copy: Copy, do: Callable[[Connection], str]
) -> None:
    pattern = copy.damage(do)
    report = copy.verify()
    assert report.exit_code == 1
    places = [one.place for one in report.findings]
    assert any(re.search(pattern, one) for one in places), (pattern, report.findings)


def test_a_child_made_older_than_the_family_was_asked_about_is_found(copy: Copy) -> None:
    """Ages decide who must sign, and somebody with every key could write another birth date."""
    ring = copy.deployment.parts.units.ring

    def make_older(connection: Connection) -> tuple[str, str]:
        known = sa.select(person_details, data_key.c.wrapped).join(data_key)
        row = connection.execute(known.where(person_details.c.person_id == data_key.c.child_id))
        found = row.first()
        assert found is not None
        key = ring.unwrap(found.data_key_id, found.wrapped)
        place = Place("person_details", "sealed", f"{found.organisation_id}/{found.person_id}")
        details = json.loads(key.open(found.sealed, place)) | {"birth_date": "2008-01-01"}
        where = (
            person_details.c.organisation_id == found.organisation_id,
            person_details.c.person_id == found.person_id,
        )
        sealed = key.seal(canonical_json(details), place)
        connection.execute(sa.update(person_details).where(*where).values(sealed=sealed))
        consents = sa.select(consent.c.id).where(
            consent.c.child_id == found.person_id, consent.c.controller_id == found.organisation_id
        )
        person_place = f"person {found.person_id} of {found.organisation_id}"
        return f"consent {connection.scalars(consents).first()}", person_place

    damaged, child_place = copy.damage(make_older)
    findings = {one.place: one.detail for one in copy.verify().findings}
    assert findings == {
        damaged: "its terms name another birth date than is known",
        child_place: "not what its entry filed",
    }


def test_a_deleted_fact_is_found_without_keys(copy: Copy) -> None:
    pattern = copy.damage(delete_a_withdrawal)
    (found,) = copy.verify(keys=False).findings
    assert re.search(pattern, found.place)


# -- people whom nobody finds any more ------------------------------------------------------


@pytest.mark.parametrize("table", [child, person], ids=lambda table: table.name)
def test_a_row_that_nothing_would_find_is_refused(copy: Copy, table: sa.Table) -> None:
    """The next request would make another row for the number, and a withdrawal be forgotten."""
    with pytest.raises(sa.exc.IntegrityError):
        copy.damage(lambda c: c.execute(sa.update(table).values(cpr_hash=None)))


@pytest.mark.parametrize("table", [child, person], ids=lambda table: table.name)
def test_a_row_that_nothing_finds_is_named(copy: Copy, table: sa.Table) -> None:
    def empty(connection: Connection) -> list[str]:
        _allow_whatever(connection, table)
        connection.execute(sa.update(table).values(cpr_hash=None))
        return [f"{table.name} {one}" for one in connection.scalars(sa.select(table.c.id))]

    emptied = copy.damage(empty)
    assert {one.place for one in copy.verify(keys=False).findings} == set(emptied)
    # What is about a child is found by it, and is read first.
    named = "body " if table is child else emptied[0]
    assert any(one.place.startswith(named) for one in copy.verify().findings)


def _allow_whatever(connection: Connection, table: sa.Table) -> None:
    """The owner drops what the database itself refuses, for one table."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        return
    connection.exec_driver_sql(
        f"ALTER TABLE {table.name} DROP CONSTRAINT ck_{table.name}_found_by_something"
    )


@pytest.mark.parametrize("table", [child, person], ids=lambda table: table.name)
def test_a_child_known_from_entries_alone_is_found_by_its_number(
    copy: Copy, table: sa.Table
) -> None:
    """Nobody keeps details of it, so the entries about it say which number that is."""

    def replace(connection: Connection) -> str:
        known = sa.select(person_details.c.person_id)
        unknown = connection.scalars(sa.select(child.c.id).where(child.c.id.not_in(known))).one()
        update = sa.update(table).where(table.c.id == unknown)
        connection.execute(update.values(cpr_hash=bytes(32)))
        return str(unknown)

    unknown = copy.damage(replace)
    places = [one.place for one in copy.verify().findings]
    expected = f"person {unknown}" if table is person else r"body \d+ \(entry"
    assert any(re.match(expected, place) for place in places), places


def test_a_person_whose_number_nobody_keeps_is_named(copy: Copy) -> None:
    def forget(connection: Connection) -> str:
        around = sa.select(person.c.id).where(person.c.id != person.c.child_id)
        chosen = connection.scalars(around.order_by(person.c.id)).first()
        gone = sa.delete(person_details).where(person_details.c.person_id == chosen)
        assert connection.execute(gone).rowcount
        return str(chosen)

    forgotten = copy.damage(forget)
    assert f"person {forgotten}" in {one.place for one in copy.verify().findings}


@pytest.mark.parametrize("table", [child, person], ids=lambda table: table.name)
def test_two_rows_for_one_number_are_named(copy: Copy, table: sa.Table) -> None:
    """A database finds the one or the other, and so half of what was said."""

    def double(connection: Connection) -> set[str]:
        _allow_doubles(connection, table)
        row = dict(connection.execute(sa.select(table)).mappings().all()[-1])
        second = row | {"id": copy.deployment.parts.context.new_id()}
        connection.execute(sa.insert(table).values(second))
        return {f"{table.name} {one['id']}" for one in (row, second)}

    doubled = copy.damage(double)
    assert {one.place for one in copy.verify(keys=False).findings} == doubled


def _allow_doubles(connection: Connection, table: sa.Table) -> None:
    if connection.dialect.name == "postgresql":
        name = "uq_child_cpr_hash" if table is child else "uq_person_child_id_cpr_hash"
        connection.exec_driver_sql(f"ALTER TABLE {table.name} DROP CONSTRAINT {name}")
        return
    connection.exec_driver_sql(f"CREATE TABLE loose AS SELECT * FROM {table.name}")
    connection.exec_driver_sql(f"DROP TABLE {table.name}")
    connection.exec_driver_sql(f"ALTER TABLE loose RENAME TO {table.name}")


# -- entries somebody forged ----------------------------------------------------------------


def _forged(copy: Copy, **changes: Any) -> Entry:
    values: dict[str, Any] = {
        "log": copy.deployment.settings.log_origin,
        "entry_id": copy.deployment.parts.context.new_id(),
        "time": copy.deployment.clock.now,
        "kind": "event",
        "controller": "municipality-x",
        "body": {"type": "disclosure"},
        "salt": bytes(32),
    }
    return compose_entry(**values | changes)


def _insert(
    connection: Connection, entry: Entry, promise: str, *also: sa.Table, leaf: bytes | None = None
) -> None:
    header = {
        "entry_id": entry.id,
        "time": entry.time,
        "header": entry.header,
        "leaf": leaf or entry.leaf,
        "promise": promise,
    }
    connection.execute(sa.insert(log_header).values(header))
    for table in also:
        row: dict[str, Any] = {"entry_id": entry.id, "time": entry.time}
        if table is log_rejected:
            row = {"entry_id": entry.id, "reason": "x", "rejected_at": entry.time}
        connection.execute(sa.insert(table).values(row))


def _copied_promise(copy: Copy) -> str:
    return str(copy.damage(lambda c: c.scalars(sa.select(log_header.c.promise)).first()))


@pytest.mark.parametrize("promise", ["none", "copied"])
def test_a_forged_entry_never_enters_the_tree(
    copy: Copy, promise: str, caplog: pytest.LogCaptureFixture
) -> None:
    forged = _forged(copy)
    made = "" if promise == "none" else _copied_promise(copy)
    copy.damage(lambda c: _insert(c, forged, made, log_pending))
    waiting = copy.verify()
    assert {one.kind for one in waiting.findings} >= {"promise_invalid"}
    assert {one.place for one in waiting.findings} >= {f"promise pending (entry {forged.id})"}

    with _service(copy) as service:
        assert service.parts.grow() == 0
        assert f"log entry {forged.id} rejected" in caplog.text
        assert any(one.levelname == "CRITICAL" for one in caplog.records)
        # The log goes on.
        assert service.disclose().status_code in (201, 403)
        service.parts.grow()
    assert copy.damage(lambda c: c.scalars(sa.select(log_rejected.c.entry_id)).all()) == [forged.id]
    leaves = copy.damage(lambda c: c.scalars(sa.select(log_leaf.c.entry_id)).all())
    assert forged.id not in leaves
    assert [one.place for one in copy.verify().findings] == [f"rejected (entry {forged.id})"]


def test_an_entry_enters_the_tree_under_its_headers_hash(copy: Copy) -> None:
    """Somebody changed the leaf hash that is kept beside a waiting header."""
    sound = _forged(copy)
    promise = make_promise(sound, copy.deployment.parts.keys.signing["promise"])
    copy.damage(lambda c: _insert(c, sound, promise, log_pending, leaf=leaf_hash(b"other")))
    with _service(copy) as service:
        service.parts.grow()
    leaves = copy.damage(lambda c: c.scalars(sa.select(log_leaf.c.leaf)).all())
    assert leaf_hash(b"other") not in leaves


def test_a_forged_waiting_row_does_not_stop_the_log(copy: Copy) -> None:
    """Somebody put an entry that is in the tree back among those that wait."""

    def insert(connection: Connection) -> None:
        entry = connection.scalars(sa.select(log_leaf.c.entry_id)).first()
        values = {"entry_id": entry, "time": copy.deployment.clock.now}
        connection.execute(sa.insert(log_pending).values(values))

    copy.damage(insert)
    with _service(copy) as service:
        assert service.disclose().status_code in (201, 403)
        assert service.parts.grow() in (0, 1)


def test_an_entry_that_waits_twice_is_named(copy: Copy) -> None:
    waiting = _forged(copy)
    promise = make_promise(waiting, copy.deployment.parts.keys.signing["promise"])
    copy.damage(lambda c: _insert(c, waiting, promise, log_pending))
    again = {"entry_id": waiting.id, "time": waiting.time}
    copy.damage(lambda c: c.execute(sa.insert(log_pending).values(again)))
    found = {(one.place, one.detail) for one in copy.verify().findings}
    assert (f"pending (entry {waiting.id})", "waits twice") in found


@contextmanager
def _service(copy: Copy) -> Iterator[Deployment]:
    """The service itself on the damaged copy, with an anchor of its own."""
    for file in copy.deployment.settings.keys_file.parent.glob("keys.json*"):
        shutil.copy(file, copy.folder)
    service = deploy(copy.url, copy.folder, clock=copy.deployment.clock)
    try:
        yield service
    finally:
        service.close()


def test_a_forged_leaf_is_found(copy: Copy) -> None:
    forged = _forged(copy)
    size = copy.damage(lambda c: len(c.execute(sa.select(log_leaf)).all()))

    def insert(connection: Connection) -> None:
        _insert(connection, forged, "")
        leaf = {"index": size, "entry_id": forged.id, "leaf": forged.leaf}
        connection.execute(sa.insert(log_leaf).values(leaf))

    copy.damage(insert)
    places = {one.place for one in copy.verify().findings}
    assert {f"promise {size} (entry {forged.id})", f"leaf {size}"} <= places


def test_a_header_that_is_in_no_place_is_found(copy: Copy) -> None:
    forged = _forged(copy)
    promise = make_promise(forged, copy.deployment.parts.keys.signing["promise"])
    copy.damage(lambda c: _insert(c, forged, promise))
    (found,) = copy.verify().findings
    assert (found.kind, found.place) == ("leaf_missing", f"header (entry {forged.id})")


def test_a_sound_entry_cannot_be_hidden_among_the_rejected(copy: Copy) -> None:
    sound = _forged(copy)
    promise = make_promise(sound, copy.deployment.parts.keys.signing["promise"])
    copy.damage(lambda c: _insert(c, sound, promise, log_rejected))
    (found,) = copy.verify().findings
    assert (found.kind, found.place) == ("promise_broken", f"rejected (entry {sound.id})")


def test_a_waiting_entry_is_checked_with_its_body_and_its_leaf(copy: Copy) -> None:
    waiting = _forged(copy)
    promise = make_promise(waiting, copy.deployment.parts.keys.signing["promise"])
    copy.damage(lambda c: _insert(c, waiting, promise, log_pending, leaf=leaf_hash(b"other")))
    places = {(one.kind, one.place) for one in copy.verify().findings}
    assert places == {
        ("leaf_mismatch", f"pending (entry {waiting.id})"),
        ("body_missing", f"body pending (entry {waiting.id})"),
    }


def test_an_overdue_entry_is_a_broken_promise(copy: Copy) -> None:
    late = _forged(copy, time=copy.deployment.clock.now - timedelta(hours=25))
    promise = make_promise(late, copy.deployment.parts.keys.signing["promise"])
    copy.damage(lambda c: _insert(c, late, promise, log_pending))
    assert "promise_broken" in {one.kind for one in copy.verify().findings}


def test_several_processes_find_what_one_finds(copy: Copy) -> None:
    places = [
        *((log_header, "promise"), (log_body, "sealed"), (log_body, "outcome"), (fact, "payload")),
        *((consent, "terms_sealed"), (person_details, "sealed"), (log_node, "hash")),
    ]
    for table, column in places:
        copy.damage(partial(_flip_first, table=table, column=column))
    alone = copy.verify()
    assert len(alone.findings) >= len(places)
    assert copy.verify(processes=2) == alone


# -- whoever has the log's key too ----------------------------------------------------------


def test_a_cut_and_signed_log_contradicts_a_checkpoint_kept_outside(copy: Copy) -> None:
    kept_outside = copy.damage(
        lambda c: c.scalar(
            sa.select(log_checkpoint.c.note).order_by(log_checkpoint.c.size.desc()).limit(1)
        )
    )
    left = copy.damage(lambda c: _cut_tail(c, copy, 10))
    # Consistent in itself: nobody can tell from the database alone.
    assert copy.verify().findings == ()
    (found,) = copy.verify(outside=(kept_outside,)).findings
    assert found.kind == "log_cut"
    assert found.place.startswith("outside checkpoint ")
    assert str(left) in found.detail


def _cut_tail(connection: Connection, copy: Copy, count: int) -> int:
    """Take the newest entries out with all that belongs to them; sign what is left."""
    rows = connection.execute(sa.select(log_leaf).order_by(log_leaf.c.index)).all()
    kept, cut = rows[:-count], [row.entry_id for row in rows[-count:]]
    frontier, nodes = Frontier().append([row.leaf for row in kept])
    held = {tuple(coordinate) for coordinate, _ in nodes}
    _forget_who_filed_details_again(connection, cut)
    for table in (fact, statement, log_body, log_leaf, log_header):
        connection.execute(sa.delete(table).where(table.c.entry_id.in_(cut)))
    for row in connection.execute(sa.select(log_node.c.level, log_node.c.index.label("at"))).all():
        if (row.level, row.at) not in held:
            connection.execute(
                sa.delete(log_node).where(log_node.c.level == row.level, log_node.c.index == row.at)
            )
    for table in (log_checkpoint, log_head):
        connection.execute(sa.delete(table).where(table.c.size >= len(kept)))
    time, identity = copy.deployment.clock.now, copy.deployment.parts
    left = {
        table: connection.scalar(sa.select(sa.func.max(table.c.size))) or 0
        for table in (log_head, log_checkpoint)
    }
    head = {"size": len(kept), "root": frontier.root(), "time": time}
    connection.execute(sa.insert(log_head).values(**head, previous=left[log_head]))
    origin, signing = identity.settings.log_origin, identity.keys.signing
    note = sign_checkpoint(
        origin, len(kept), frontier.root(), time, signing["log"], signing["cosignature"]
    )
    row = {"size": len(kept), "previous": left[log_checkpoint], "note": note}
    connection.execute(sa.insert(log_checkpoint).values(row))
    return len(kept)


def _forget_who_filed_details_again(connection: Connection, cut: list[str]) -> None:
    """The same was known from the request already."""
    requested = (
        sa.select(sa.func.min(sa.cast(log_body.c.entry_id, sa.Text)))
        .where(
            log_body.c.data_key_id == person_details.c.data_key_id,
            log_body.c.type == "consent_requested",
        )
        .scalar_subquery()
    )
    again = person_details.c.entry_id.in_(cut)
    for row in connection.execute(sa.select(person_details, requested.label("first")).where(again)):
        which = person_details.c.person_id == row.person_id, again
        connection.execute(sa.update(person_details).where(*which).values(entry_id=row.first))


def test_a_checkpoint_signed_by_another_key_is_refused(copy: Copy) -> None:
    def sign(connection: Connection) -> int:
        head = connection.execute(sa.select(log_head).order_by(log_head.c.size.desc())).first()
        assert head is not None
        forged = b64encode(bytes(100)).decode()
        note = f"{copy.deployment.settings.log_origin}\n{head.size}\n{forged}\n"
        connection.execute(sa.update(log_checkpoint).values(note=note))
        return int(head.size)

    size = copy.damage(sign)
    assert f"checkpoint {size}" in {one.place for one in copy.verify().findings}


# -- heads, checkpoints and names that were taken out or changed ------------------------------


def _inner(connection: Connection, table: sa.Table) -> int:
    """The size of a row that is neither the first nor the newest, and that has a next one."""
    sizes = connection.scalars(sa.select(table.c.size).order_by(table.c.size)).all()
    return int(sizes[len(sizes) // 2])


def test_a_checkpoint_in_the_middle_that_was_deleted_is_missed(copy: Copy) -> None:
    def delete(connection: Connection) -> None:
        sizes = connection.scalars(sa.select(log_checkpoint.c.size)).all()
        first = sa.delete(log_checkpoint).where(log_checkpoint.c.size == min(sizes))
        connection.execute(first)
        assert len(sizes) > 1

    copy.damage(delete)
    assert {(one.kind, one.detail) for one in copy.verify().findings} == {
        ("checkpoint_invalid", "the one before it is missing")
    }


def test_a_head_in_the_middle_that_was_deleted_is_missed(copy: Copy) -> None:
    def delete(connection: Connection) -> None:
        size = _inner(connection, log_head)
        for table in (log_checkpoint, log_head):
            connection.execute(sa.delete(table).where(table.c.size == size))

    copy.damage(delete)
    found = {(one.kind, one.detail) for one in copy.verify().findings}
    assert ("head_invalid", "the head before it is missing") in found


def test_all_checkpoints_deleted_are_missed_by_the_anchor(copy: Copy) -> None:
    anchor = copy.deployment.parts.anchor.read()
    assert copy.verify(anchor=anchor).notices == ()
    copy.damage(lambda c: c.execute(sa.delete(log_checkpoint)))
    report = copy.verify(anchor=anchor)
    assert [one.kind for one in report.notices] == ["checkpoint_missing"]


def test_a_log_cut_behind_every_checkpoint_is_found_by_the_anchor(copy: Copy) -> None:
    anchor = copy.deployment.parts.anchor.read()
    copy.damage(lambda c: _cut_tail(c, copy, 3))
    findings = copy.verify(anchor=anchor).findings
    assert [one.kind for one in findings if one.place.startswith("anchor")] == ["log_cut"]


@pytest.mark.parametrize("days", [-1, 1])
def test_the_time_of_a_head_without_a_checkpoint_lies_between_its_neighbours(
    copy: Copy, days: int
) -> None:
    def change(connection: Connection) -> None:
        size = _inner(connection, log_head)
        time = connection.scalar(sa.select(log_head.c.time).where(log_head.c.size == size))
        assert time is not None
        connection.execute(sa.delete(log_checkpoint).where(log_checkpoint.c.size == size))
        moved = sa.update(log_head).values(time=time + timedelta(days=days))
        connection.execute(moved.where(log_head.c.size == size))

    copy.damage(change)
    assert "head_invalid" in {one.kind for one in copy.verify().findings}


def test_without_the_row_of_the_turn_nothing_is_integrated_and_that_is_said(copy: Copy) -> None:
    copy.damage(lambda c: c.execute(sa.delete(log_sequencer)))
    assert [one.place for one in copy.verify().findings] == ["log_sequencer"]


NAMES: list[tuple[Callable[[], Any], set[str]]] = [
    (lambda: sa.delete(log_origin), {"names of the log"}),
    (lambda: sa.update(log_origin).values(origin="another/log"), {"names of the log"}),
    (lambda: sa.update(log_origin).values(first_index=3), {"name from 3 on"}),
    (lambda: sa.update(log_origin).values(predecessor="x"), {"name from 0 on", "predecessor"}),
    (
        lambda: sa.insert(log_origin).values(first_index=5, origin="another/log"),
        {"name from 5 on", "names of the log"},
    ),
    (
        lambda: sa.insert(log_origin).values(
            first_index=900, origin="consent.example/log", predecessor="x"
        ),
        {"name from 900 on", "predecessor"},
    ),
]


@pytest.mark.parametrize(("change", "places"), NAMES, ids=map(str, range(len(NAMES))))
def test_the_names_of_the_log_are_compared(
    copy: Copy, change: Callable[[], Any], places: set[str]
) -> None:
    copy.damage(lambda c: c.execute(change()))
    assert {one.place for one in copy.verify().findings} >= places


# -- values that no row can hold ------------------------------------------------------------


@pytest.mark.parametrize("original", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (log_head, "time", "yesterday"),
        (log_header, "header", "text, not bytes"),
        (log_body, "time", "never"),
        (fact, "payload", b"\xff\xfe"),
        (log_leaf, "leaf", "text"),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_value_of_another_type_is_a_finding_too(
    copy: Copy, table: sa.Table, column: str, value: Any
) -> None:
    """SQLite alone: PostgreSQL's columns hold their own type only."""
    copy.damage(lambda c: c.exec_driver_sql(f"UPDATE {table.name} SET {column} = ?", (value,)))
    assert copy.verify().exit_code == 1


def test_every_table_of_the_log_and_of_the_facts_is_among_the_cases() -> None:
    kept_apart = {
        # Carry no evidence: who may call, links and sessions, what is kept for a day, and the lock.
        "link", "signing_session", "kept_answer", "log_sequencer",
        "staff_login", "staff_session", "failed_attempt", "key_state",
        "client", "client_key", "client_secret", "client_epoch", "client_revocation",
        "used_assertion",
        # Damaged in tests of their own, above.
        "consent_party", "log_pending", "log_rejected", "log_origin",
        # Damaged in test_erasing; says how long things are kept, and proves nothing.
        "log_erased", "retention_rule",
    }  # fmt: skip
    assert {table.name for table, _, _ in CASES} | kept_apart == set(metadata.tables)
