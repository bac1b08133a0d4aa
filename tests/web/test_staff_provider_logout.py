"""The staff's provider ends what it began: OpenID Connect Back-Channel Logout 1.0."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from consent_service.identity.logout_token import EVENT, TYPE
from mitid_stand_in.provider import Person
from tests.deployment import deploy
from tests.web.family import words
from tests.web.workplace import (
    BODIL,
    DORTHE,
    STAFF_CLIENT,
    Employee,
    Workplace,
    steps,
    workplace,
)


@pytest.fixture
def office(furnished_url: str, tmp_path: Path) -> Iterator[Workplace]:
    with workplace(furnished_url, tmp_path) as place:
        yield place


@pytest.fixture
def small_office(furnished_sqlite_url: str, tmp_path: Path) -> Iterator[Workplace]:
    with workplace(furnished_sqlite_url, tmp_path) as place:
        yield place


def claims_of(office: Workplace, **changes: Any) -> dict[str, Any]:
    now = int(office.deployment.clock().timestamp())
    claims = {
        "iss": office.deployment.settings.staff.issuer,
        "aud": STAFF_CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": "one",
        "events": {EVENT: {}},
        "sub": DORTHE.subject,
        "_typ": "logout+jwt",
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def signed(office: Workplace, **changes: Any) -> str:
    """A logout token under the provider's own key: it is made to sign one instead of a login."""
    caught: list[str] = []
    office.tampering.claims = lambda _: claims_of(office, **changes)
    office.tampering.token = lambda token: caught.append(token) or token
    Employee(office.deployment).arrive()
    office.tampering.claims, office.tampering.token = dict, str
    return caught[0]


def tell(office: Workplace, token: str) -> Any:
    client = office.deployment.app.test_client()
    return client.post("/staff/backchannel-logout", data={"logout_token": token})


def arrived(office: Workplace, who: Person, sid: str | None = None) -> Employee:
    office.tampering.claims = lambda claims: {**claims, "sid": sid} if sid else claims
    employee = Employee(office.deployment, who)
    employee.arrive()
    office.tampering.claims = dict
    return employee


def is_in(browser: Employee) -> bool:
    return "Du er logget ind" in words(browser.see())


@pytest.mark.parametrize(
    ("named", "still_in"),
    [
        ({"sub": DORTHE.subject}, [False, False, False, True]),
        ({"sub": None, "sid": "desk"}, [False, True, True, True]),
        # A login that came without a sid is one of that person's, so it ends.
        ({"sub": DORTHE.subject, "sid": "desk"}, [False, True, False, True]),
        ({"sub": BODIL.subject, "sid": "desk"}, [True, True, True, False]),
        ({"sub": "nobody", "sid": None}, [True, True, True, True]),
        ({"sub": None, "sid": "nothing"}, [True, True, True, True]),
    ],
)
def test_whom_it_names_is_logged_out(office, named, still_in):
    browsers = [
        arrived(office, DORTHE, "desk"),
        arrived(office, DORTHE, "phone"),
        arrived(office, DORTHE),
        arrived(office, BODIL),
    ]
    answer = tell(office, signed(office, **named))
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert [is_in(browser) for browser in browsers] == still_in
    assert steps(office.deployment).count("staff_logged_out provider") == still_in.count(False)


def test_said_again_it_ends_nothing_newer(small_office):
    token = signed(small_office)
    assert tell(small_office, token).status_code == 200
    small_office.deployment.clock.forward(seconds=62)
    dorthe = arrived(small_office, DORTHE)
    assert tell(small_office, token).status_code == 200
    assert is_in(dorthe)
    small_office.deployment.clock.forward(minutes=3)
    assert tell(small_office, token).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://another.example"},
        {"aud": "urn:consent:test"},
        {"aud": [STAFF_CLIENT, "another"]},
        {"aud": None},
        {"iat": None},
        {"iat": 4102444800},
        {"iat": -(10**18)},
        {"iat": True},
        {"sid": "desk\0"},
        {"exp": 1},
        {"exp": None},
        {"jti": None},
        {"events": None},
        {"events": [EVENT]},
        {"events": {EVENT: True}},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"nonce": "an ID token has one"},
        {"_typ": "JWT"},
        {"_typ": "at+jwt"},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sid": ["desk"]},
    ],
    ids=str,
)
def test_what_is_no_logout_token_ends_nothing(small_office, changes):
    dorthe = arrived(small_office, DORTHE, "desk")
    answer = tell(small_office, signed(small_office, **changes))
    assert answer.status_code == 400
    assert answer.json["error"] == "invalid_request"
    assert is_in(dorthe)


def test_what_the_provider_did_not_sign_ends_nothing(small_office):
    dorthe = arrived(small_office, DORTHE)
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    forged = jwt.encode({"alg": "RS256", "kid": key.kid, "typ": TYPE}, claims_of(small_office), key)
    good = signed(small_office)
    header, payload, _ = good.split(".")
    for token in (forged, f"{header}.{payload}.", f"{header}.{payload}.AAAA", "", "x", "x" * 9000):
        assert tell(small_office, token).status_code == 400
    caught: list[str] = []
    small_office.tampering.token = lambda token: caught.append(token) or token
    arrived(small_office, BODIL)
    assert tell(small_office, caught[0]).status_code == 400
    assert is_in(dorthe)
    assert tell(small_office, good).status_code == 200
    assert not is_in(dorthe)


def test_without_the_providers_keys_nothing_is_believed(sqlite_url, tmp_path):
    home = deploy(sqlite_url, tmp_path).furnish()
    answer = home.app.test_client().post("/staff/backchannel-logout", data={"logout_token": "x"})
    assert answer.status_code == 503
    home.close()
