"""The stand-in for MitID: a real OpenID provider, unmistakable, and out of everybody's reach."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from mitid_stand_in import Config, NotLoopback, Person, create_app, load_people, running
from mitid_stand_in.server import bind
from tests.integration.stand_in_browser import Page, query_of

ROOT = Path(__file__).parents[2]
RETURN = "http://127.0.0.1:9/sign/return"
PERSON = Person("0101901234", "Mette <Prøve>", "Mor til Alma")
VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
REQUEST = {
    "response_type": "code",
    "client_id": "demo",
    "redirect_uri": RETURN,
    "scope": "openid",
    "state": "the state",
    "nonce": "the nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "prompt": "login",
    "max_age": "0",
}


@pytest.fixture(scope="module")
def issuer():
    with running([PERSON], "demo", "made-up", RETURN) as issuer:
        yield issuer


def page(issuer, **changes):
    parameters = {name: value for name, value in (REQUEST | changes).items() if value is not None}
    return Page(f"{issuer}/authorize?{urlencode(parameters)}")


def test_the_page_says_what_it_is(issuer):
    response = page(issuer).response
    assert response.status_code == 200
    assert "Testlogin – dette er ikke MitID. Kun til demo." in response.text
    assert "Test login — this is not MitID. Demo only." in response.text
    assert "Mette &lt;Prøve&gt;" in response.text
    assert "Mor til Alma" in response.text
    assert PERSON.cpr not in response.text


def test_the_page_needs_no_script_and_allows_none(issuer):
    response = page(issuer).response
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "unsafe" not in policy
    assert "form-action 'self' http://127.0.0.1:9" in policy
    assert not re.search(r"<script|style=|\son\w+=", response.text)
    sheet = re.search(r'href="([^"]+\.css)"', response.text)[1]
    assert requests.get(issuer + sheet, timeout=5).headers["Content-Type"].startswith("text/css")


def test_it_always_asks(issuer):
    """No session is kept: no cookie, and the same page for whoever logged in a moment ago."""
    first = page(issuer)
    answer = first.press(PERSON.name)
    assert "Set-Cookie" not in first.response.headers
    assert "Set-Cookie" not in answer.headers
    assert page(issuer, prompt=None, max_age="3600").response.status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"client_id": None},
        {"redirect_uri": RETURN + "/"},
        {"redirect_uri": RETURN + "?more=1"},
        {"redirect_uri": "https://example.org/"},
        {"redirect_uri": None},
    ],
)
def test_a_stranger_is_sent_nowhere(issuer, changes):
    response = page(issuer, **changes).response
    assert response.status_code == 400
    assert "Location" not in response.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"prompt": "none"}, "login_required"),
        ({"nonce": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_answered_with_an_error(issuer, changes, error):
    response = page(issuer, **changes).response
    assert response.status_code == 303
    assert response.headers["Location"].startswith(RETURN + "?")
    expected = {"error": error, "state": "the state", "iss": issuer}
    assert query_of(response.headers["Location"]) == expected


def test_a_page_is_used_once(issuer):
    once = page(issuer)
    assert once.press(PERSON.name).status_code == 303
    assert once.press(PERSON.name).status_code == 400


def test_cancelling_is_an_answer(issuer):
    answer = query_of(page(issuer).press("Afbryd").headers["Location"])
    assert answer == {"error": "access_denied", "state": "the state", "iss": issuer}


def exchange(issuer, auth=("demo", "made-up"), **changes):
    code = query_of(page(issuer).press(PERSON.name).headers["Location"])["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": RETURN,
        "code_verifier": VERIFIER,
    }
    return requests.post(f"{issuer}/token", data=form | changes, auth=auth, timeout=5)


def test_a_code_is_exchanged(issuer):
    response = exchange(issuer)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json().keys() == {"access_token", "token_type", "expires_in", "id_token"}


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"auth": None}, 401, "invalid_client"),
        ({"auth": ("demo", "guess")}, 401, "invalid_client"),
        ({"auth": ("another", "made-up")}, 401, "invalid_client"),
        ({"auth": None, "client_id": "demo", "client_secret": "made-up"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"code": "another"}, 400, "invalid_grant"),
        ({"code_verifier": "w" * 64}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"redirect_uri": RETURN + "/"}, 400, "invalid_grant"),
    ],
)
def test_a_code_that_is_not_exchanged(issuer, changes, status, error):
    response = exchange(issuer, **changes)
    assert (response.status_code, response.json()) == (status, {"error": error})


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (61, 400)])
def test_a_code_lasts_a_minute(seconds, status):
    clock = [1_800_000_000.0]
    config = Config("http://127.0.0.1", "demo", "made-up", RETURN, (PERSON,))
    web = create_app(config, clock=lambda: clock[0]).test_client()
    text = web.get("/authorize", query_string=REQUEST).text
    form = {"page": re.search(r'name="page" value="([^"]+)"', text)[1], "person": "0"}
    code = query_of(web.post("/authorize", data=form).location)["code"]
    clock[0] += seconds
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": RETURN,
        "code_verifier": VERIFIER,
    }
    assert web.post("/token", data=form, auth=("demo", "made-up")).status_code == status


@pytest.mark.parametrize("person", ["1", "-1", "", "x"])
def test_nobody_else_can_be_chosen(issuer, person):
    opened = page(issuer)
    opened.form.buttons["nobody"] = ("person", person)
    assert opened.press("nobody").status_code == 400


def test_each_start_has_a_key_of_its_own(issuer):
    with running([PERSON], "demo", "made-up", RETURN) as other:
        one, two = (requests.get(f"{at}/jwks", timeout=5).json()["keys"] for at in (issuer, other))
    assert one[0]["n"] != two[0]["n"]
    assert one[0].keys() == {"kty", "n", "e", "kid", "use", "alg"}, "nothing private"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost", "example.org", ""])
def test_it_listens_on_loopback_addresses_only(host):
    with pytest.raises(NotLoopback):
        bind([PERSON], "demo", "made-up", RETURN, host=host)


def test_a_name_that_points_here_does_not_reach_it(issuer):
    """DNS rebinding: a page elsewhere may send a browser here under a name of its own."""
    response = requests.get(f"{issuer}/jwks", headers={"Host": "example.org"}, timeout=5)
    assert response.status_code == 400


def command(people, *more):
    return [
        *(sys.executable, "-m", "mitid_stand_in", "--client-id", "demo"),
        *("--client-secret", "made-up", "--redirect-uri", RETURN, "--people", str(people)),
        *more,
    ]


@pytest.fixture
def people_file(tmp_path):
    path = tmp_path / "people.json"
    path.write_text(json.dumps([{"cpr": PERSON.cpr, "name": PERSON.name}]), encoding="utf-8")
    return path


def test_people_come_from_a_file(people_file):
    assert load_people(people_file) == (Person(PERSON.cpr, PERSON.name, ""),)


def test_the_command_serves(people_file):
    process = subprocess.Popen(
        command(people_file, "--port", "0"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONUNBUFFERED": "1"},
    )
    with process:
        try:
            issuer = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
            answer = query_of(page(issuer).press(PERSON.name).headers["Location"])
            assert answer.keys() == {"code", "state", "iss"}
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=10)
    assert errors == "", "no access log: codes and states are in the addresses"


@pytest.mark.parametrize("more", [("--host", "0.0.0.0"), ("--tamper", "x")])
def test_the_command_refuses(people_file, more):
    done = subprocess.run(
        command(people_file, "--port", "0", *more),
        cwd=ROOT,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2


def test_it_does_not_ship_and_only_the_demo_knows_it():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert "mitid_stand_in" not in json.dumps(build)
    assert build["targets"]["wheel"]["packages"] == ["consent_service"]
    assert "mitid_stand_in" not in (ROOT / "Dockerfile").read_text()
    importing = {
        module.relative_to(ROOT / "consent_service").parts[0]
        for module in (ROOT / "consent_service").rglob("*.py")
        if re.search(r"(import|from) mitid_stand_in", module.read_text())
    }
    assert importing <= {"demo"}
