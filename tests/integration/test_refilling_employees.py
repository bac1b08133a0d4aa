"""Search hashes of employees that an older version wrote are made anew, and nothing else is."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from consent_service.domain.kernel.employee import former_employee_keys
from consent_service.domain.kernel.facts import CancellationReason
from consent_service.persistence.kernel.database import engine_options, prepare
from consent_service.persistence.keys.document import KeyFile
from consent_service.persistence.keys.index_slots import slot_column
from consent_service.persistence.keys.sealing import Hashes, Index
from consent_service.persistence.keys.writing import changing
from consent_service.persistence.log.tables import log_body
from consent_service.persistence.rotation import refilling
from consent_service.persistence.rotation.index import IndexRotation
from consent_service.persistence.rotation.refilling import Refilled, refill_employees
from consent_service.persistence.verification.log_reader import verify_database
from consent_service.services.consents.cancel import cancel
from consent_service.services.kernel.model import Caller, Employee
from tests.deployment import Deployment, deploy, person

ORGANISATION = "municipality-x"
WRONG = "the column employee_hash is not what header and body say"
DECOMPOSED = "A\u030ase"


class Stopped(Exception):
    """Where a test ends the command, as a kill would."""


@pytest.fixture
def service(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployed = deploy(furnished_url, tmp_path)
    yield deployed
    deployed.close()


def name_employees(service: Deployment, *ids: str) -> None:
    """One child for each employee, who asks for a consent about it: four entries each."""
    for number, id_ in enumerate(ids, 1):
        child = person(f"0{number}0315-4321", "Barn", birth_date=f"2015-03-0{number}")
        service.ask(child=child, performed_by={"id": id_, "name": "Karen"})


def as_written_by(
    service: Deployment, version: Callable[[Index, str], Hashes], *ids: str
) -> dict[str, bytes]:
    """Put what an older version wrote in place of the hashes of these employees."""
    index, changed = service.parts.index, {}
    with service.parts.units.engine.connect().execution_options(writes=True) as connection:
        for id_ in ids:
            (right,) = index.employee(ORGANISATION, id_).values()
            (former,) = version(index, id_).values()
            update = sa.update(log_body).where(log_body.c.employee_hash == right)
            assert connection.execute(update.values(employee_hash=former)).rowcount > 0
            changed[id_] = former
        connection.commit()
    return changed


def as_typed(index: Index, id_: str) -> Hashes:
    return index.former_employee(ORGANISATION, id_)[0]


def hashes(service: Deployment) -> dict[str, tuple[bytes | None, bytes | None]]:
    query = sa.select(log_body.c.entry_id, log_body.c.employee_hash, log_body.c.employee_hash_b)
    query = query.where(log_body.c.employee_hash.is_not(None))
    with service.parts.units.engine.connect() as connection:
        return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def refill(service: Deployment) -> Refilled:
    parts = service.parts
    return refill_employees(parts.units.engine, parts.units.ring, parts.index)


def found(service: Deployment, id_: str) -> int:
    members = {"employee": id_, "type": "consent_requested"}
    return len(service.post("/v1/audit/search", members).json["items"])


def findings(service: Deployment) -> list[str]:
    parts = service.parts
    parts.grow()
    report = verify_database(
        parts.units.engine,
        parts.units.ring,
        parts.index,
        parts.keys.published,
        parts.settings.log_origin,
        service.clock.now,
    )
    return [finding.detail for finding in report.findings]


def test_what_was_hashed_as_typed_is_found_again(service: Deployment) -> None:
    name_employees(service, "KX-042", "kx-043", "ÅSE")
    right = hashes(service)
    as_written_by(service, as_typed, "KX-042", "ÅSE")
    assert [found(service, one) for one in ("kx-042", "kx-043", "åse")] == [0, 1, 0]
    assert set(findings(service)) == {WRONG}
    done = refill(service)
    assert (done.entries, done.unexplained) == (len(right), 0)
    assert 0 < done.refilled < done.entries
    assert hashes(service) == right
    assert [found(service, one) for one in ("KX-042", "kx-043", "åse")] == [1, 1, 1]
    assert findings(service) == []
    assert refill(service) == Refilled(done.entries, 0, 0)


def test_what_was_folded_but_not_composed_is_found_again(service: Deployment) -> None:
    """An id from before the alphabet: no client can send it any more."""
    asked = service.ask()
    with service.parts.units.writing() as uow:
        cancel(
            uow,
            service.parts.context,
            Caller(ORGANISATION, "old-system"),
            asked["id"],
            CancellationReason.OTHER,
            None,
            Employee(DECOMPOSED, "Åse"),
        )
        uow.commit()
    right = hashes(service)
    assert former_employee_keys(DECOMPOSED)[1] == "a\u030ase"
    as_written_by(
        service, lambda index, id_: index.former_employee(ORGANISATION, id_)[1], DECOMPOSED
    )
    assert findings(service) == [WRONG]
    assert refill(service).refilled == 1
    assert hashes(service) == right
    found_ = service.post("/v1/audit/search", {"employee": "åse"}).json["items"]
    assert [entry["body"]["type"] for entry in found_] == ["consent_cancelled"]


def test_what_no_version_wrote_is_left_for_the_verifier(service: Deployment) -> None:
    """Whoever hid what somebody did must not have it tidied away."""
    name_employees(service, "KX-042", "kx-043")
    as_written_by(service, as_typed, "KX-042")
    stranger = service.parts.index.employee(ORGANISATION, "somebody-else")["a"]
    (right,) = service.parts.index.employee(ORGANISATION, "kx-043").values()
    with service.parts.units.engine.connect().execution_options(writes=True) as connection:
        update = sa.update(log_body).where(log_body.c.employee_hash == right)
        hidden = connection.execute(update.values(employee_hash=stranger)).rowcount
        connection.commit()
    done = refill(service)
    assert (done.refilled > 0, done.unexplained) == (True, hidden)
    assert findings(service) == [WRONG] * hidden
    assert refill(service) == Refilled(done.entries, 0, hidden)


def test_stopped_at_any_step_it_goes_on_when_run_again(
    service: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refilling, "AT_ONCE", 2)
    name_employees(service, "KX-042", "KX-043", "KX-044")
    right, parts, url = hashes(service), service.parts, service.settings.database_url
    stops = 0
    while True:
        as_written_by(service, as_typed, "KX-042", "KX-043", "KX-044")
        left = stops

        def stop(_: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Stopped

        engine = prepare(sa.create_engine(url, **engine_options(url)))
        sa.event.listen(engine, "commit", stop)
        try:
            refill_employees(engine, parts.units.ring, parts.index)
        except Stopped:
            stops += 1
        else:
            break
        finally:
            engine.dispose()
        assert hashes(service) != right
        refill(service)
        assert hashes(service) == right
    assert hashes(service) == right
    assert stops >= 3


@pytest.mark.parametrize("line", range(4))
def test_a_rotation_that_was_interrupted_goes_on_after_it(service: Deployment, line: int) -> None:
    """Old forms stand in the one column, right ones perhaps in the other."""
    name_employees(service, "KX-042")
    as_written_by(service, as_typed, "KX-042")
    engine, file = service.parts.units.engine, KeyFile(service.settings.keys_file)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) > line:
            raise Stopped

    with pytest.raises(Stopped):
        IndexRotation(engine, file, lambda: None, say).run()
    service.parts.live_keys.refresh()
    assert refill(service).unexplained == 0
    assert found(service, "kx-042") == 1
    assert findings(service) == []
    IndexRotation(engine, file, lambda: None, lambda _: None).run()
    service.parts.live_keys.refresh()
    assert found(service, "kx-042") == 1
    assert findings(service) == []
    assert refill(service).refilled == 0


def test_while_requests_come_in_nothing_is_lost(
    service: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refilling, "AT_ONCE", 3)
    ids = [f"KX-{number}" for number in range(6)]
    name_employees(service, *ids)
    as_written_by(service, as_typed, *ids)
    over, statuses, done = threading.Event(), set(), []

    def disclose() -> None:
        while not over.is_set():
            named = {"id": "GP-1", "name": "Lise"}
            statuses.add(service.disclose(performed_by=named).status_code)

    caller = threading.Thread(target=disclose)
    caller.start()
    try:
        done = [refill(service), refill(service)]
    finally:
        over.set()
        caller.join()
    assert statuses == {403}
    assert (done[0].refilled > 0, done[0].unexplained, done[1].refilled) == (True, 0, 0)
    assert [found(service, id_.lower()) for id_ in ids] == [1] * 6
    assert findings(service) == []


def test_what_somebody_else_changed_meanwhile_is_not_undone(service: Deployment) -> None:
    """Read, and emptied by the end of a rotation before it is written."""
    name_employees(service, "KX-042")
    as_written_by(service, as_typed, "KX-042")
    parts, url, connects = service.parts, service.settings.database_url, 0
    engine = prepare(sa.create_engine(url, **engine_options(url)))

    def empty(_: Any) -> None:
        nonlocal connects
        connects += 1
        # The newest entry is known, the rows are read; now they would be written.
        if connects == 3:
            with parts.units.engine.connect().execution_options(writes=True) as other:
                other.execute(sa.update(log_body).values(employee_hash=None))
                other.commit()

    sa.event.listen(engine, "engine_connect", empty)
    done = refill_employees(engine, parts.units.ring, parts.index)
    engine.dispose()
    assert connects >= 3
    assert (done.refilled, hashes(service)) == (0, {})


def command(service: Deployment) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "consent_service.cli", "keys", "refill-employees"),
            str(service.settings.keys_file),
        ],
        env=os.environ | {"CONSENT_DATABASE_URL": service.settings.database_url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_says_what_it_did(service: Deployment) -> None:
    name_employees(service, "KX-042")
    as_written_by(service, as_typed, "KX-042")
    entries = len(hashes(service))
    first, again = command(service), command(service)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert first.stdout == (
        f"Looked at {entries} entries that name an employee.\n"
        f"Made the search hash of {entries} anew.\n"
    )
    assert again.stdout.endswith("Made the search hash of 0 anew.\n")
    assert found(service, "kx-042") == 1
    with service.parts.units.engine.connect().execution_options(writes=True) as connection:
        forged = sa.update(log_body).where(log_body.c.employee_hash.is_not(None))
        connection.execute(forged.values({slot_column("employee_hash", "a"): b"x" * 32}))
        connection.commit()
    left = command(service)
    assert left.returncode == 1
    assert f"Left {entries} that no version wrote: see `audit verify`.\n" in left.stdout


def test_it_waits_for_nobody_who_changes_the_keys(service: Deployment) -> None:
    """A rotation under way would change what the hashes are made with."""
    with changing(service.settings.keys_file):
        refused = command(service)
    assert refused.returncode != 0
    assert "somebody else is changing this key file" in refused.stdout + refused.stderr
