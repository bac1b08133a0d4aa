"""Z is told the same whatever happened at X: random stories of two worlds, over HTTP (R5f, R11).

`many_worlds` tells as many as one likes; here are a few, the routes, and faults that are found.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import Furnished
from tests.postgres_cluster import Cluster
from tests.secrecy import walk
from tests.secrecy.decisions import Asked, check_allowed
from tests.secrecy.faults import FAULTS
from tests.secrecy.stories import tell, two_worlds
from tests.secrecy.worlds import Ask, Json, Told, Worlds, X, Z
from tests.unit.domain.code_mutants import CodeMutant

STEPS = 5


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "with-x", tmp_path / "without-x"]
    for folder in made:
        folder.mkdir()
    return made


@pytest.fixture
def worlds(furnished_sqlite: Furnished, folders: list[Path]) -> Iterator[Worlds]:
    for folder in folders:
        shutil.copyfile(furnished_sqlite.database, folder / "consent.db")
        furnished_sqlite.copy_keys(folder)
    with two_worlds([f"sqlite:///{folder / 'consent.db'}" for folder in folders], folders) as both:
        yield both


@pytest.fixture
def worlds_on_postgres(
    postgres_cluster: Cluster, furnished_postgres: Furnished, folders: list[Path]
) -> Iterator[Worlds]:
    names = [postgres_cluster.create_database(template=furnished_postgres.database) for _ in "xy"]
    for folder in folders:
        furnished_postgres.copy_keys(folder)
    with two_worlds([postgres_cluster.url(name) for name in names], folders) as both:
        yield both
    for name in names:
        postgres_cluster.drop_database(name)


# -- nothing is forgotten ---------------------------------------------------------------------


def test_every_route_has_a_line_in_the_walk(worlds: Worlds) -> None:
    app = worlds.with_x.service.app
    assert walk.missing(app) == [], "tests/secrecy/walk.py does not say how Z asks these"
    gone = walk.lines() - set(walk.routes_of(app))
    assert gone == set(), "these lines are of no route"


def test_a_route_without_a_line_is_named() -> None:
    app = Flask("x")
    app.add_url_rule("/v1/children", "children", lambda: "Alma", methods=["POST"])
    assert "POST /v1/children" in walk.missing(app)


# -- nothing is told --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_nothing_is_told_of_x(worlds: Worlds, seed: int) -> None:
    tell(worlds, seed, STEPS)
    assert set(walk.LOOKS) <= set(worlds.asked)


def test_nor_on_postgresql(worlds_on_postgres: Worlds) -> None:
    tell(worlds_on_postgres, 1, STEPS)


# -- and it would be found --------------------------------------------------------------------


FOUND_BY = {
    "whom anybody calls a holder sees what all of them do": 2,
    "whoever anybody calls a holder must sign": 1,
}
"""A story that finds each fault soon; `many_worlds faults` finds them all, and one for each."""


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.breaks in FOUND_BY], ids=str)
def test_a_fault_that_tells_is_found(worlds: Worlds, fault: CodeMutant) -> None:
    with fault.in_place(), pytest.raises(Told):
        tell(worlds, FOUND_BY[fault.breaks], STEPS)


def test_whatever_one_world_says_alone_is_told(worlds: Worlds) -> None:
    other = worlds.with_x.service
    asked = Ask("GET /v1/consents", query={"limit": 200}, is_list=True)
    worlds.ask(asked)
    other.post("/v1/templates", {}, org=Z)
    worlds.ask(asked)
    other.ask(Z, parties=[Z, "gp-y"])
    with pytest.raises(Told, match="awaiting_signatures"):
        worlds.ask(asked)


PERMITTED: Json = {"decision": "permitted", "reasons": []}
IN_FORCE = [{"effective_scope": {"parties": ["gp-y", X, Z], "categories": ["health"]}}]
REFUSED = [
    {"effective_scope": None, "signatories": [{"role": "custody_holder", "state": "declined"}]}
]


def denied(*codes: str, **more: str) -> Json:
    return {"decision": "denied", "reasons": [{"code": code, **more} for code in codes]}


@pytest.mark.parametrize(
    ("recipient", "own", "with_x", "without_x"),
    [
        ("gp-y", IN_FORCE, PERMITTED, PERMITTED),
        ("gp-y", IN_FORCE, denied("objection_stands"), PERMITTED),
        (X, IN_FORCE, denied("custody_contradicted", "objection_stands"), PERMITTED),
        ("gp-y", IN_FORCE, PERMITTED, denied("declined", role="custody_holder")),
        # R5a: a no said to Z by one who is a holder as only X knows it.
        (X, IN_FORCE + REFUSED, denied("declined", role="custody_holder"), PERMITTED),
    ],
)
def test_what_a_decision_may_tell(
    recipient: str, own: list[Json], with_x: Json, without_x: Json
) -> None:
    check_allowed(Asked(Z, recipient, frozenset({"health"}), own), with_x, without_x)


@pytest.mark.parametrize(
    ("recipient", "own", "with_x", "without_x"),
    [
        # a denial under a request that Z may not know of, by its code and role.
        ("gp-y", IN_FORCE, denied("declined", role="custody_holder"), PERMITTED),
        (X, IN_FORCE, denied("declined", role="custody_holder"), PERMITTED),
        ("gp-y", IN_FORCE + REFUSED, denied("declined", role="custody_holder"), PERMITTED),
        ("gp-y", IN_FORCE, denied("custody_contradicted"), PERMITTED),
        ("gp-y", [], denied("no_consent", "objection_stands"), denied("no_consent")),
        ("paediatrics", IN_FORCE, denied("objection_stands"), denied("party_not_covered")),
        ("gp-y", IN_FORCE, PERMITTED, denied("custody_contradicted")),
    ],
)
def test_what_it_may_not(recipient: str, own: list[Json], with_x: Json, without_x: Json) -> None:
    asked = Asked(Z, recipient, frozenset({"health"}), own)
    with pytest.raises(Told):
        check_allowed(asked, with_x, without_x)
