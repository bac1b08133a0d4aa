"""Guessing at links and logins: it is slowed down, and who is right never notices."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from limits import parse

from consent_service.identity.attempts import LIMITS
from consent_service.web.frame.error_pages import DEAD_END_SECONDS
from tests.deployment import Deployment, deploy_with
from tests.integration.stand_in_browser import Page
from tests.web.family import METTE, STRANGER, Signer, acts, entry_types, links, new_link, words
from tests.web.workplace import DORTHE, INGRID, Employee, Workplace, staff_entries, steps, workplace

ALLOWED = LIMITS["link"].amount


def guess(deployment: Deployment, path: str = "/sign/guess", **where: str):
    headers = {"X-Forwarded-For": where["forwarded"]} if "forwarded" in where else {}
    environ = {"REMOTE_ADDR": where.get("address", "192.0.2.1")}
    return deployment.client().get(path, headers=headers, environ_overrides=environ)


def flood(deployment: Deployment, count: int = ALLOWED + 1, **where: str) -> list[int]:
    return [guess(deployment, **where).status_code for _ in range(count)]


def test_past_the_limit_a_wrong_link_is_429_with_the_same_page(home):
    first = guess(home)
    assert flood(home, ALLOWED - 1) == [404] * (ALLOWED - 1)
    later = guess(home)
    assert (first.status_code, later.status_code) == (404, 429)
    assert 1 <= int(later.headers["Retry-After"]) <= 60
    assert later.data == first.data
    assert "Linket virker ikke" in words(later)
    assert home.client().get("/healthz").status_code == 200


def test_a_parent_at_the_same_address_signs_all_the_same(home):
    asked = home.ask()
    assert flood(home, address="127.0.0.1")[-1] == 429
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    assert flood(home, address="127.0.0.1")[-1] == 429
    mette.press("/sign/grant")
    assert acts(home, asked["id"]) == ["consent_granted"]


def test_past_the_limit_too_nothing_tells_a_wrong_link_from_a_replaced_one(home):
    asked = home.ask()
    replaced = links(asked)["Mette Mor"].removeprefix(home.settings.base_url)
    new_link(home, asked)
    flood(home)
    answers = [guess(home, path) for path in (replaced, "/sign/wrong", "/sign/no/such", "/sign/")]
    assert {answer.status_code for answer in answers} == {429}
    assert len({answer.data for answer in answers}) == 1


def test_time_does_not_tell_which_kind_of_link_it_was(home):
    """A lost standing takes several more queries than a wrong token; the answer's tick hides it."""
    asked = home.ask()
    url = links(asked)["Frederik Far"].removeprefix(home.settings.base_url)
    change = {
        "child": {"cpr": "0103174321"},
        "custody": {
            "source": "cpr-register",
            "as_of": "2026-11-23",
            "holders": [{"cpr": METTE.cpr, "name": "Mette Mor", "role": "parent"}],
        },
        "effective_from": "2026-11-23",
        "performed_by": {"id": "e1", "name": "Karen"},
    }
    assert home.post("/v1/custody-changes", change).status_code == 201
    taken: dict[str, list[float]] = {url: [], "/sign/wrong": []}
    for number in range(5):
        for path, times in taken.items():
            begun = time.perf_counter()
            assert guess(home, path, address=f"192.0.2.{number}").status_code == 404
            times.append(time.perf_counter() - begun)
    # Neither is answered before the tick, however little there was to look up.
    assert all(min(times) >= DEAD_END_SECONDS for times in taken.values()), taken


def test_failed_logins_are_limited_and_a_right_one_never(home, monkeypatch):
    monkeypatch.setitem(LIMITS, "login", parse("3 per minute"))
    asked = home.ask()
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    for _ in range(3):
        assert "Må oplysninger" not in words(mette.log_in(STRANGER))
    logged = entry_types(home, asked["id"]).count("login_refused")
    assert logged == 3
    mette.see()
    answer = mette.log_in(STRANGER)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Vent et øjeblik" in words(answer)
    forged = mette.get("/sign/callback/mitid?state=wrong&code=wrong")
    assert forged.status_code == 429
    assert entry_types(home, asked["id"]).count("login_refused") == 3, "no flood of log entries"
    mette.see()
    assert "Må oplysninger" in words(mette.log_in(METTE))


def test_changing_ones_mind_at_the_login_is_no_attempt(small_home, monkeypatch):
    monkeypatch.setitem(LIMITS, "login", parse("1 per minute"))
    asked = small_home.ask()
    mette = Signer(small_home)
    mette.open(links(asked)["Mette Mor"])
    for _ in range(3):
        answer = Page(mette.to_provider()).press("Afbryd")
        assert mette.come_back(answer.headers["Location"]).status_code == 200


# -- staff --------------------------------------------------------------------------------------


@pytest.fixture
def office(furnished_sqlite_url: str, tmp_path: Path) -> Iterator[Workplace]:
    """A service for staff that allows three failures a minute."""
    with workplace(furnished_sqlite_url, tmp_path) as place:
        yield place


@pytest.fixture
def three_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("staff", "stray"):
        monkeypatch.setitem(LIMITS, kind, parse("3 per minute"))


def test_refused_logins_of_staff_are_limited_in_every_process(office, three_a_minute):
    """And neither who fails beside them at the same address nor who is right is shut out."""
    home = office.deployment
    second = deploy_with(home.settings, home.clock)
    statuses = []
    for deployment in (home, second, home, second, home):
        statuses.append(Employee(deployment, INGRID).arrive().status_code)
    assert statuses == [403, 403, 403, 429, 429]
    refused = Employee(second, INGRID).arrive()
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "Vent et øjeblik" in words(refused)
    assert len(staff_entries(home, "municipality-z")) == 3, "no flood of log entries"
    for deployment in (home, second):
        assert "Du er logget ind" in words(Employee(deployment, DORTHE).arrive())
    second.close()


def test_a_flood_of_cancelled_logins_is_no_flood_of_entries(office, three_a_minute):
    """Anybody can begin a login and say that it was cancelled."""
    flooder, issuer = Employee(office.deployment), office.deployment.settings.staff.issuer
    for _ in range(6):
        flooder.see()
        state = dict(parse_qsl(urlsplit(flooder.to_provider()).query))["state"]
        flooder.get(f"/staff/callback?state={state}&error=access_denied&iss={issuer}")
    assert steps(office.deployment) == ["staff_login_refused access_denied"] * 3


def test_answers_to_no_login_of_ours_are_limited_and_silence_nothing(office, three_a_minute):
    flooder = Employee(office.deployment)
    paths = [f"/staff/callback?state={number}&code=x" for number in range(5)]
    assert [flooder.get(path).status_code for path in paths] == [303] * 3 + [429] * 2
    assert Employee(office.deployment, INGRID).arrive().status_code == 403
    (entry,) = staff_entries(office.deployment, "municipality-z")
    assert (entry["reason"], entry["performed_by"]["name"]) == ("no_role", INGRID.name)


# -- whose address it is ------------------------------------------------------------------------


@pytest.fixture(params=[0, 1, 2])
def proxied(request, small_home: Deployment) -> Iterator[tuple[int, Deployment]]:
    """The same service behind so many trusted proxies."""
    settings = replace(small_home.settings, trusted_proxies=request.param)
    deployment = deploy_with(settings, small_home.clock)
    yield request.param, deployment
    deployment.close()


def test_what_the_caller_writes_into_x_forwarded_for_counts_for_nothing(proxied):
    """Each proxy appends who asked it: with n of them only the last n names are theirs."""
    count, deployment = proxied
    appended = ["198.51.100.7", "10.0.0.1"][:count]
    statuses = []
    for number in range(ALLOWED + 1):
        spoofed = f"203.0.113.{number}, 203.0.113.{number + 100}"
        chain = ", ".join([spoofed, *appended])
        statuses.append(guess(deployment, forwarded=chain).status_code)
    assert statuses == [404] * ALLOWED + [429]


@pytest.mark.parametrize("proxied", [1, 2], indirect=True)
def test_behind_a_proxy_every_family_has_its_own_limit(proxied):
    count, deployment = proxied
    more = ["10.0.0.1"][: count - 1]
    for household in range(3):
        chain = ", ".join([f"198.51.100.{household}", *more])
        assert flood(deployment, forwarded=chain) == [404] * ALLOWED + [429]


def test_one_ipv6_line_is_one_place(small_home):
    for number in range(ALLOWED):
        assert guess(small_home, address=f"2001:db8:1:2::{number:x}").status_code == 404
    assert guess(small_home, address="2001:db8:1:2:ffff::1").status_code == 429
    assert guess(small_home, address="2001:db8:1:3::1").status_code == 404


def test_an_address_is_in_no_log_and_in_no_row(small_home, tmp_path: Path, caplog):
    flood(small_home, address="192.0.2.201")
    assert "192.0.2.201" not in caplog.text
    for file in tmp_path.glob("consent.db*"):
        assert b"192.0.2.201" not in file.read_bytes()
