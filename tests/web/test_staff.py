"""Staff: who gets in and as what, how long it lasts, and what every login leaves in the log."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import sqlalchemy as sa

from consent_service.persistence.access.tables import staff_login, staff_session
from consent_service.persistence.verification.log_reader import verify_database
from consent_service.worker import _clean
from tests.deployment import deploy
from tests.integration.stand_in_browser import Page
from tests.web.family import METTE, Signer, cookie_of, links, read, words
from tests.web.workplace import (
    BODIL,
    DORTHE,
    INGRID,
    OTTO,
    TOVE,
    VERA,
    ZITA,
    Employee,
    Workplace,
    session_cookie,
    staff_entries,
    steps,
    use_cookie,
    workplace,
)


@pytest.fixture
def office(furnished_url: str, tmp_path: Path) -> Iterator[Workplace]:
    with workplace(furnished_url, tmp_path) as place:
        yield place


@pytest.fixture
def small_office(furnished_sqlite_url: str, tmp_path: Path) -> Iterator[Workplace]:
    """On SQLite alone, for what has nothing to do with the database."""
    with workplace(furnished_sqlite_url, tmp_path) as place:
        yield place


# -- who gets in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "organisation", "shown", "roles"),
    [
        (DORTHE, "municipality-x", "Kommune X", ["dpo"]),
        (ZITA, "municipality-z", "Kommune Z", ["dpo"]),
        (OTTO, "municipality-x", "Kommune X", ["operator"]),
        (BODIL, "municipality-x", "Kommune X", ["dpo", "operator"]),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_role_at_the_provider_is_a_role_here(office, who, organisation, shown, roles):
    page = words(Employee(office.deployment, who).arrive())
    assert "Du er logget ind" in page
    assert who.name in page
    assert shown in page
    assert ("Databeskyttelsesrådgiver (DPO)" in page) is ("dpo" in roles)
    assert ("Driftsansvarlig" in page) is ("operator" in roles)
    (entry,) = staff_entries(office.deployment, organisation)
    assert entry == {
        "type": "staff_logged_in",
        "organisation": organisation,
        "performed_by": {"id": who.subject, "name": who.name},
        "issuer": office.deployment.settings.staff.issuer,
        "roles": roles,
    }


def test_a_login_and_a_clients_word_are_found_by_one_id(office):
    office.tampering.claims = lambda claims: claims | {"sub": "KX-042"}
    assert "Du er logget ind" in words(Employee(office.deployment, DORTHE).arrive())
    office.deployment.ask(performed_by={"id": "kx-042", "name": DORTHE.name})
    for id_ in ("kx-042", "KX-042", "Kx-042"):
        found = office.deployment.post("/v1/audit/search", {"employee": id_}).json["items"]
        assert [entry["body"]["type"] for entry in found][:2] == [
            "staff_logged_in",
            "consent_requested",
        ]
        assert {entry["body"]["performed_by"]["id"] for entry in found} == {"KX-042", "kx-042"}


def test_who_logs_in_under_what_is_no_id_is_no_client_s_employee(office):
    subject = "C=DK,O=Kommune X,CN=Dorthe"
    office.tampering.claims = lambda claims: claims | {"sub": subject}
    assert "Du er logget ind" in words(Employee(office.deployment, DORTHE).arrive())
    (entry,) = staff_entries(office.deployment)
    assert entry["performed_by"]["id"] == subject
    refused = office.deployment.post("/v1/audit/search", {"employee": subject})
    assert refused.status_code == 422
    asked = office.deployment.request_body(performed_by={"id": subject, "name": DORTHE.name})
    assert office.deployment.post("/v1/consents", asked).status_code == 422


@pytest.mark.parametrize(
    ("who", "reason", "logged_by"),
    [
        (INGRID, "no_role", "municipality-z"),
        (TOVE, "several_organisations", "municipality-x"),
        (VERA, "organisation_unknown", "municipality-x"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_without_a_part_here_nobody_gets_in(office, who, reason, logged_by):
    visitor = Employee(office.deployment, who)
    answer = visitor.arrive()
    assert answer.status_code == 403
    assert "Du har ikke adgang" in words(answer)
    assert session_cookie(visitor) is None
    assert "Du er logget ind" not in words(visitor.see())
    (entry,) = staff_entries(office.deployment, logged_by)
    assert entry["type"] == "staff_login_refused"
    assert entry["reason"] == reason
    assert entry["performed_by"] == {"id": who.subject, "name": who.name}
    with office.deployment.parts.units.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(staff_session)) == 0


def test_a_role_taken_away_ends_with_the_next_login(office):
    dorthe = Employee(office.deployment)
    dorthe.arrive()
    office.tampering.claims = lambda claims: {**claims, "roles": ["printer"]}
    dorthe.log_out()
    assert "Du har ikke adgang" in words(dorthe.arrive())
    office.tampering.claims = lambda claims: {
        name: value for name, value in claims.items() if name != "roles"
    }
    assert "Du har ikke adgang" in words(dorthe.arrive())
    assert session_cookie(dorthe) is None


def test_a_cancelled_login_is_no_drama(small_office):
    dorthe = Employee(small_office.deployment)
    dorthe.see()
    answer = Page(dorthe.to_provider()).press("Afbryd")
    assert "Du stoppede, før du var logget ind" in words(
        dorthe.come_back(answer.headers["Location"])
    )
    assert steps(small_office.deployment) == ["staff_login_refused access_denied"]
    assert "Du er logget ind" in words(dorthe.log_in())


def test_a_login_that_is_not_strong_enough(sqlite_url, tmp_path):
    with workplace(sqlite_url, tmp_path, acr_values=("two-steps", "card")) as office:
        dorthe = Employee(office.deployment)
        dorthe.see()
        asked = dict(parse_qsl(urlsplit(dorthe.to_provider()).query))
        assert asked["acr_values"] == "two-steps card"
        for acr in (None, "password", ["card"]):
            office.tampering.claims = lambda claims, acr=acr: {**claims, "acr": acr}
            assert "ikke stærkt nok" in words(dorthe.arrive())
        office.tampering.claims = lambda claims: {**claims, "acr": "card"}
        assert "Du er logget ind" in words(dorthe.arrive())


def test_without_a_provider_that_answers_the_page_says_so(sqlite_url, tmp_path):
    home = deploy(sqlite_url, tmp_path).furnish()
    dorthe = Employee(home)
    dorthe.see()
    answer = dorthe.press("/staff/login")
    assert answer.status_code == 503
    assert "Login svarer ikke" in words(answer)
    home.close()


def test_without_a_provider_there_are_no_pages(sqlite_url, tmp_path):
    home = deploy(sqlite_url, tmp_path, staff=None).furnish()
    for path in ("/staff", "/staff/", "/staff/callback", "/staff/refused/no_role"):
        answer = home.app.test_client().get(path)
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert home.app.test_client().post("/staff/login").status_code == 404
    home.close()


def test_before_the_organisation_at_home_is_registered_nobody_gets_in(sqlite_url, tmp_path):
    with workplace(sqlite_url, tmp_path, organisation="not-registered") as office:
        dorthe = Employee(office.deployment)
        dorthe.see()
        answer = dorthe.press("/staff/login")
        assert answer.status_code == 503
        assert "Noget virker ikke hos os" in words(answer)


# -- how long it lasts --------------------------------------------------------------------------


def test_a_session_ends_when_nothing_is_done(office):
    dorthe, clock = Employee(office.deployment), office.deployment.clock
    dorthe.arrive()
    for _ in range(4):
        clock.forward(minutes=29)
        assert "Du er logget ind" in words(dorthe.see())
    clock.forward(minutes=30)
    page = words(dorthe.see())
    assert "Du er blevet logget ud" in page
    assert "30 minutter" in page
    assert DORTHE.name not in page
    assert session_cookie(dorthe) is None
    assert "Du er blevet logget ud" not in words(dorthe.see())


def test_a_session_ends_whatever_is_done(office):
    dorthe, clock = Employee(office.deployment), office.deployment.clock
    dorthe.arrive()
    for _ in range(23):
        clock.forward(minutes=20)
        assert "Du er logget ind" in words(dorthe.see())
    clock.forward(minutes=20)
    page = words(dorthe.see())
    assert "Et login varer ikke længere" in page
    assert DORTHE.name not in page


def test_an_expired_session_does_nothing_more(small_office):
    dorthe = Employee(small_office.deployment)
    dorthe.arrive()
    token = session_cookie(dorthe)
    content = dorthe.form("/staff/logout-everywhere").content()
    small_office.deployment.clock.forward(minutes=31)
    use_cookie(dorthe.client, "staff", token)
    assert dorthe.post("/staff/logout-everywhere", content).headers["Location"] == "/staff"
    assert steps(small_office.deployment) == ["staff_logged_in"]


def test_looking_writes_at_most_once_a_minute(small_office):
    dorthe, clock = Employee(small_office.deployment), small_office.deployment.clock
    dorthe.arrive()
    engine = small_office.deployment.parts.units.engine

    def last_seen():
        with engine.connect() as connection:
            return connection.scalar(sa.select(staff_session.c.last_seen_at))

    began = last_seen()
    clock.forward(seconds=50)
    dorthe.see()
    assert last_seen() == began
    clock.forward(seconds=20)
    dorthe.see()
    assert last_seen() - began > timedelta(seconds=60)


def test_the_last_login_is_shown(office):
    dorthe, clock = Employee(office.deployment), office.deployment.clock
    assert "Intet i de sidste 30 dage" in words(dorthe.arrive())
    clock.forward(hours=20)
    assert "23. november 2026 kl. 10.00" in words(Employee(office.deployment).arrive())
    assert "Intet i de sidste" in words(Employee(office.deployment, ZITA).arrive())


def test_what_is_over_is_forgotten_in_time(office):
    dorthe = Employee(office.deployment)
    dorthe.arrive()
    engine = office.deployment.parts.units.engine

    def rows():
        with engine.connect() as connection:
            return [
                connection.scalar(sa.select(sa.func.count()).select_from(table))
                for table in (staff_login, staff_session)
            ]

    assert rows() == [1, 1]
    office.deployment.clock.forward(hours=2)
    _clean(office.deployment.parts)
    assert rows() == [0, 1]
    office.deployment.clock.forward(days=30)
    _clean(office.deployment.parts)
    assert rows() == [0, 0]


# -- logging out --------------------------------------------------------------------------------


def test_logging_out_ends_this_session_alone(office):
    desk, phone = Employee(office.deployment), Employee(office.deployment)
    desk.arrive()
    phone.arrive()
    token = session_cookie(desk)
    assert "Du er logget ud" in words(desk.log_out())
    assert session_cookie(desk) is None
    use_cookie(desk.client, "staff", token)
    assert "Dit login blev afsluttet" in words(desk.see())
    assert "Du er logget ind" in words(phone.see())
    assert steps(office.deployment)[-1] == "staff_logged_out this_session"


def test_a_stolen_cookie_is_worth_nothing_after_logging_out_everywhere(office):
    dorthe, thief = Employee(office.deployment), Employee(office.deployment)
    colleague = Employee(office.deployment, BODIL)
    dorthe.arrive()
    colleague.arrive()
    use_cookie(thief.client, "staff", session_cookie(dorthe))
    assert DORTHE.name in words(thief.see())
    elsewhere = Employee(office.deployment)
    elsewhere.arrive()
    elsewhere.log_out("/staff/logout-everywhere")
    for browser in (thief, dorthe):
        page = words(browser.see())
        assert "Du er logget ind" not in page
        assert DORTHE.name not in page
    assert "Du er logget ind" in words(colleague.see())
    assert steps(office.deployment)[-1] == "staff_logged_out everywhere"
    assert "Du er logget ind" in words(dorthe.log_in())


def test_logging_out_goes_on_to_the_provider(small_office):
    dorthe = Employee(small_office.deployment)
    dorthe.arrive()
    answer = dorthe.press("/staff/logout", then=False)
    there = answer.headers["Location"]
    assert there.startswith(f"{small_office.deployment.settings.staff.issuer}/logout?")
    assert dict(parse_qsl(urlsplit(there).query)) == {
        "client_id": "urn:consent:staff",
        "post_logout_redirect_uri": "http://localhost:8000/staff/goodbye",
    }
    assert words(dorthe.see("/staff/goodbye")).count("Du er logget ud") == 1


# -- attacks ------------------------------------------------------------------------------------


def test_the_session_after_login_is_not_the_one_before(office):
    dorthe = Employee(office.deployment)
    planted = "planted-by-somebody-else"
    use_cookie(dorthe.client, "staff", planted)
    dorthe.see()
    before = cookie_of(dorthe, "staff-login")
    dorthe.log_in()
    after = session_cookie(dorthe)
    assert after not in (None, planted, before)
    assert dorthe.client.get_cookie("staff-login", domain="localhost") is None
    thief = Employee(office.deployment)
    for known in (planted, before):
        use_cookie(thief.client, "staff", known)
        assert "Du er logget ind" not in words(thief.see())


def test_logging_in_again_ends_the_session_it_replaces(office):
    dorthe, thief = Employee(office.deployment), Employee(office.deployment)
    dorthe.see()
    second_tab = dorthe.form("/staff/login").content()
    secret = cookie_of(dorthe, "staff-login")
    dorthe.log_in()
    use_cookie(thief.client, "staff", session_cookie(dorthe))
    use_cookie(dorthe.client, "staff-login", secret)
    at_provider = dorthe.post("/staff/login", second_tab).headers["Location"]
    dorthe.come_back(Page(at_provider).press(BODIL.name).headers["Location"])
    assert BODIL.name in words(dorthe.see())
    assert "Dit login blev afsluttet" in words(thief.see())


def test_an_answer_counts_once(office):
    dorthe = Employee(office.deployment)
    dorthe.see()
    answer = Page(dorthe.to_provider()).press(DORTHE.name).headers["Location"]
    dorthe.come_back(answer)
    token = session_cookie(dorthe)
    # Back in the browser: nothing happens, nothing is an attack.
    assert "Du er logget ind" in words(dorthe.come_back(answer))
    assert session_cookie(dorthe) == token
    assert steps(office.deployment) == ["staff_logged_in"]
    dorthe.log_out()
    assert "Det lykkedes ikke at logge ind" in words(dorthe.come_back(answer))
    assert session_cookie(dorthe) is None
    assert steps(office.deployment)[2:] == ["staff_login_refused state_mismatch"]


def test_of_eight_answers_at_the_same_moment_one_counts(office):
    dorthe = Employee(office.deployment)
    dorthe.see()
    secret = cookie_of(dorthe, "staff-login")
    answer = Page(dorthe.to_provider()).press(DORTHE.name).headers["Location"]

    def come_back(_: int) -> str | None:
        tab = Employee(office.deployment)
        use_cookie(tab.client, "staff-login", secret)
        tab.come_back(answer)
        return session_cookie(tab)

    with ThreadPoolExecutor(8) as pool:
        tokens = [token for token in pool.map(come_back, range(8)) if token]
    assert len(tokens) == 1
    assert steps(office.deployment).count("staff_logged_in") == 1


def test_an_answer_in_another_browser_counts_for_nothing(office):
    dorthe, victim, nobody = (Employee(office.deployment) for _ in range(3))
    dorthe.see()
    victim.see()
    answer = Page(dorthe.to_provider()).press(DORTHE.name).headers["Location"]
    for other in (victim, nobody):
        assert "Det lykkedes ikke at logge ind" in words(other.come_back(answer))
        assert session_cookie(other) is None
    assert steps(office.deployment) == ["staff_login_refused state_mismatch"] * 2
    assert "Du er logget ind" in words(dorthe.come_back(answer))


def test_a_state_that_was_never_made_is_refused_and_fills_no_log(small_office):
    dorthe = Employee(small_office.deployment)
    dorthe.see()
    for query in ("", "state=x&code=y", "state=&error=access_denied", "state=%00", "state=%ff"):
        answer = dorthe.get(f"/staff/callback?{query}")
        assert answer.headers["Location"] == "/staff/refused/state_mismatch"
    assert steps(small_office.deployment) == []


def test_a_login_waits_for_a_quarter_of_an_hour(office):
    now = office.deployment.clock()
    with office.deployment.parts.units.writing() as uow:
        for state in ("in time", "too late"):
            uow.staff.remember_login("municipality-x", "browser", state, b"kept", now)
        minute = timedelta(minutes=1)
        late = uow.staff.take_login("browser", "too late", now + 15 * minute)
        assert (late.status, late.content) == ("spent", None)
        assert uow.staff.take_login("browser", "in time", now + 14 * minute).content == b"kept"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "urn:consent:test"},
        {"aud": ["urn:consent:staff", "urn:consent:test"]},
        {"iss": "https://another.example"},
        {"nonce": "another"},
        {"exp": 1},
        {"iat": 4102444800},
        {"sub": ""},
        {"sub": None},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_login(small_office, changed):
    small_office.tampering.claims = lambda claims: {**claims, **changed}
    dorthe = Employee(small_office.deployment)
    assert "Det lykkedes ikke at logge ind" in words(dorthe.arrive())
    assert session_cookie(dorthe) is None
    assert steps(small_office.deployment) == ["staff_login_refused id_token_invalid"]


def test_a_token_of_the_signers_provider_is_refused(office):
    """A genuine ID token for a parent, handed in as that of a member of staff."""
    home = office.deployment
    mette = Signer(home)
    mette.arrive(links(home.ask())[METTE.name])
    token = _token_of_a_signer(home, mette)
    office.tampering.token = lambda _: token
    dorthe = Employee(home)
    assert "Det lykkedes ikke at logge ind" in words(dorthe.arrive())
    assert session_cookie(dorthe) is None
    assert steps(home) == ["staff_login_refused id_token_invalid"]


def _token_of_a_signer(home, mette):
    from consent_service.web.signatures.session_content import SessionContent

    with home.parts.units.reading() as uow:
        session = uow.signing_sessions.find(cookie_of(mette))
    return SessionContent.from_bytes(session.content).identity.id_token


def test_an_answer_of_one_provider_counts_nothing_at_the_other(office):
    home = office.deployment
    mette = Signer(home)
    mette.open(links(home.ask())[METTE.name])
    dorthe = Employee(home)
    dorthe.client = mette.client
    dorthe.see()
    to_staff = Page(dorthe.to_provider()).press(DORTHE.name).headers["Location"]
    to_signing = Page(mette.to_provider()).press(METTE.name).headers["Location"]
    query = {"staff": urlsplit(to_staff).query, "sign": urlsplit(to_signing).query}
    mette.come_back(f"/sign/callback/mitid?{query['staff']}")
    assert "Må oplysninger" not in words(mette.see())
    dorthe.come_back(f"/staff/callback?{query['sign']}")
    assert "Du er logget ind" not in words(dorthe.see())
    # Neither used the other's login up.
    assert "Du er logget ind" in words(dorthe.come_back(to_staff))
    assert "Må oplysninger" in words(mette.come_back(to_signing))


def test_a_session_of_one_kind_opens_nothing_of_the_other(office):
    home = office.deployment
    mette, dorthe = Signer(home), Employee(home)
    mette.arrive(links(home.ask())[METTE.name])
    dorthe.arrive()
    signing, staff = cookie_of(mette), session_cookie(dorthe)
    use_cookie(dorthe.client, "staff", signing)
    assert "Du er logget ind" not in words(dorthe.see())
    use_cookie(mette.client, "signing", staff)
    assert mette.see().status_code == 404


@pytest.mark.parametrize("action", ["logout", "logout-everywhere"])
@pytest.mark.parametrize("token", [None, "", "0" * 64, "æ\ud800".encode("utf-8", "replace")])
def test_a_form_without_its_sessions_token_does_nothing(small_office, action, token):
    dorthe = Employee(small_office.deployment)
    dorthe.arrive()
    data = {} if token is None else {"form_token": token}
    answer = dorthe.post(f"/staff/{action}", data)
    assert answer.status_code == 400
    assert "Intet er gemt, og intet er ændret." in words(answer)
    assert "Du er logget ind" in words(dorthe.see())
    assert steps(small_office.deployment) == ["staff_logged_in"]


def test_the_login_form_belongs_to_its_browser(small_office):
    dorthe, other = Employee(small_office.deployment), Employee(small_office.deployment)
    dorthe.see()
    content = dorthe.form("/staff/login").content()
    assert other.post("/staff/login", content).status_code == 400
    other.see()
    assert other.post("/staff/login", content).status_code == 400
    assert dorthe.post("/staff/login", content).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_form_does_nothing(small_office, headers):
    dorthe = Employee(small_office.deployment)
    dorthe.see()
    content = dorthe.form("/staff/login").content()
    assert dorthe.post("/staff/login", content, headers=headers).status_code == 400
    dorthe.log_in()
    content = dorthe.form("/staff/logout").content()
    assert dorthe.post("/staff/logout", content, headers=headers).status_code == 400
    assert "Du er logget ind" in words(dorthe.see())


def test_looking_changes_nothing(small_office):
    engine = small_office.deployment.parts.units.engine
    visitor = Employee(small_office.deployment)
    for path in ("/staff", "/staff/goodbye", "/staff/refused/no_role", "/staff?lang=en"):
        visitor.get(path)
    for path in ("/staff/login", "/staff/logout", "/staff/logout-everywhere"):
        assert visitor.get(path).status_code == 405
    with engine.connect() as connection:
        for table in (staff_login, staff_session):
            assert connection.execute(sa.select(table)).all() == []


# -- what browsers and others are told ------------------------------------------------------------


def test_cookies_and_headers(sqlite_url, tmp_path):
    with workplace(sqlite_url, tmp_path, "https://consent.example") as office:
        dorthe = Employee(office.deployment)
        set_before = dorthe.see().headers.getlist("Set-Cookie")
        at_provider = dorthe.to_provider()
        answer = Page(at_provider).press(DORTHE.name).headers["Location"]
        parts = urlsplit(answer)
        came = dorthe.get(f"{parts.path}?{parts.query}")
        set_after = came.headers.getlist("Set-Cookie")
        (session,) = [one for one in set_after if one.startswith("__Host-staff=")]
        (login,) = [one for one in set_before if one.startswith("__Host-staff-login=")]
        for cookie in (session, login):
            attributes = set(cookie.split("; ")[1:])
            assert attributes == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
        page = dorthe.see()
        assert "Du er logget ind" in words(page)
        assert page.headers["Cache-Control"] == "no-store"
        policy = page.headers["Content-Security-Policy"]
        issuer = office.deployment.settings.staff.issuer
        assert f"form-action 'self' {issuer};" in policy
        assert "unsafe" not in policy
        assert "script" not in policy
        assert "<script" not in page.text


def test_the_page_speaks_the_chosen_language(small_office):
    dorthe = Employee(small_office.deployment, language="en-GB")
    dorthe.see()
    assert "Log in as staff" in words(dorthe.page)
    assert dorthe.get("/staff?lang=da").headers["Location"] == "/staff"
    assert "Log ind som medarbejder" in words(dorthe.see())
    dorthe.get("/staff?lang=xx")
    assert "Log ind som medarbejder" in words(dorthe.see())
    assert read(dorthe.page).title == "Log ind som medarbejder"


def test_the_log_verifies_with_all_of_it(office):
    for who in (DORTHE, ZITA, INGRID, VERA):
        Employee(office.deployment, who).arrive()
    dorthe = Employee(office.deployment)
    dorthe.arrive()
    dorthe.log_out("/staff/logout-everywhere")
    parts = office.deployment.parts
    parts.grow()
    report = verify_database(
        parts.units.engine,
        parts.units.ring,
        parts.index,
        parts.keys.published,
        parts.settings.log_origin,
        parts.context.clock(),
    )
    assert list(report.findings) == []
    assert report.exit_code == 0


def test_names_and_secrets_are_kept_sealed_and_said_nowhere(office, caplog):
    dorthe = Employee(office.deployment)
    dorthe.see()
    secret = cookie_of(dorthe, "staff-login")
    at_provider = dorthe.to_provider()
    answer = Page(at_provider).press(DORTHE.name).headers["Location"]
    dorthe.come_back(answer)
    state = dict(parse_qsl(urlsplit(answer).query))["state"]
    known = [DORTHE.name, DORTHE.subject, secret, session_cookie(dorthe), state]
    with office.deployment.parts.units.engine.connect() as connection:
        for table in (staff_login, staff_session):
            for row in connection.execute(sa.select(table)):
                for value in row:
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    assert not [one for one in known if one.encode() in raw]
    assert not [one for one in known if one in caplog.text]
