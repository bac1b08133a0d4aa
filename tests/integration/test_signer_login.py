"""The real client against the stand-in for MitID, over real HTTP: what counts and what does not."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import RSAKey

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.identity.client_authentication import ClientSecretBasic
from consent_service.identity.registration import Registration
from consent_service.identity.signer_login import Asked, LoginRefused, SignerLogin, SignerProvider
from mitid_stand_in import Person, running
from tests.integration.stand_in_browser import press, query_of

# Neither survives HTTP basic authentication unless it is encoded.
CLIENT_ID = "urn:consent:test"
CLIENT_SECRET = "a secret: 100 % made-up + more"
RETURN = "http://127.0.0.1:9/sign/return"
MOTHER = Person("010190-1234", "Mette Prøve", "Mor til Alma")
FATHER = Person("0202883333", "Jonas Prøve", "Far til Alma")
PEOPLE = (MOTHER, FATHER)
FOREIGN_KEY = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "foreign"})


class Attack:
    """What the provider does to the claims and the token in one test."""

    def __init__(self):
        self.tamper = dict
        self.forge = str

    def on_claims(self, claims):
        return self.tamper(claims)

    def on_token(self, token):
        return self.forge(token)


@pytest.fixture(scope="module")
def attacked():
    """One provider for all tests, and what it does to its tokens."""
    attack = Attack()
    with running(
        PEOPLE,
        CLIENT_ID,
        CLIENT_SECRET,
        RETURN,
        tamper=attack.on_claims,
        forge=attack.on_token,
    ) as issuer:
        yield issuer, attack


@pytest.fixture
def issuer(attacked):
    return attacked[0]


@pytest.fixture
def attack(attacked):
    _, attack = attacked
    yield attack
    attack.__init__()


OF_SIGNERS = ("cpr_claim", "loa_claim", "cpr_from", "text")
ASKED = Asked("ab" * 32)
HIGH = replace(ASKED, minimum="high")


def settings(issuer, client_secret=CLIENT_SECRET, **changes):
    of_signers = {name: changes.pop(name) for name in OF_SIGNERS if name in changes}
    registration = Registration(issuer, CLIENT_ID, ClientSecretBasic(client_secret), **changes)
    return SignerProvider(registration, **{"cpr_claim": "dk.cpr", **of_signers})


def client(issuer, **changes):
    return SignerLogin(settings(issuer, **changes), timeout_seconds=5)


def now():
    return datetime.now(UTC)


def log_in(login, who=MOTHER.name, asked=ASKED):
    under_way = login.start(RETURN, "da", now(), asked)
    return login.finish(under_way, RETURN, press(under_way.url, who), now())


@contextmanager
def refused(code, because=""):
    """The body must be refused with this code, for this reason, and tell nothing personal."""
    with pytest.raises(LoginRefused) as caught:
        yield
    assert (caught.value.code, because in caught.value.detail) == (code, True), caught.value.detail
    told = f"{caught.value!r} {caught.value.detail}"
    for secret in ("010190", "1234", MOTHER.name, MOTHER.subject, CLIENT_SECRET):
        assert secret not in told
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


# -- what counts ----------------------------------------------------------------------------


def test_a_login_says_who_it_is(issuer):
    before = now().replace(microsecond=0)
    identity = log_in(client(issuer))
    assert identity.cpr == CprNumber("0101901234")
    assert identity.issuer == issuer
    assert identity.subject == MOTHER.subject
    assert identity.loa == "substantial"
    assert before <= identity.authenticated_at <= now()
    assert identity.authenticated_at.tzinfo is UTC
    assert identity.id_token.count(".") == 2


def test_one_client_serves_many_people(issuer):
    login = client(issuer)
    assert log_in(login, FATHER.name).cpr == CprNumber("0202883333")
    assert log_in(login, MOTHER.name).cpr == CprNumber("0101901234")


def test_the_request_asks_for_a_fresh_login(issuer):
    login = client(issuer, scopes=("openid", "ssn"), extra_parameters={"idp_values": "mitid"})
    under_way = login.start(RETURN, "da_DK", now(), ASKED)
    sent = query_of(under_way.url)
    digest = hashlib.sha256(under_way.code_verifier.encode()).digest()
    assert sent.pop("code_challenge") == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert sent == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": RETURN,
        "scope": "openid ssn",
        "state": under_way.state,
        "nonce": under_way.nonce,
        "code_challenge_method": "S256",
        "prompt": "login",
        "max_age": "0",
        "ui_locales": "da-DK",
        "idp_values": "mitid",
    }


def test_every_login_has_its_own_secrets(issuer):
    login = client(issuer)
    one, other = (login.start(RETURN, "da", now(), ASKED) for _ in range(2))
    for name in ("state", "nonce", "code_verifier"):
        assert getattr(one, name) != getattr(other, name)
        assert getattr(one, name) not in repr(one)
        assert len(getattr(one, name)) >= 43
    assert one.code_verifier not in one.url


def test_claims_have_the_names_of_the_broker(issuer, attack):
    def as_another_broker(claims):
        cpr, _ = claims.pop("dk.cpr"), claims.pop("acr")
        return claims | {"nin": cpr, "loa": "https://data.gov.dk/concept/core/nsis/High"}

    attack.tamper = as_another_broker
    identity = log_in(client(issuer, cpr_claim="nin", loa_claim="loa"), asked=HIGH)
    assert (identity.cpr, identity.loa) == (CprNumber("0101901234"), "high")


def test_one_audience_may_be_a_list(issuer, attack):
    attack.tamper = lambda claims: claims | {"aud": [CLIENT_ID], "azp": CLIENT_ID}
    assert log_in(client(issuer)).subject == MOTHER.subject


def test_a_provider_whose_clock_is_a_little_ahead_does_not_date_logins_in_the_future(
    issuer, attack
):
    attack.tamper = lambda claims: (
        claims | {name: claims[name] + 30 for name in ("iat", "auth_time")}
    )
    assert log_in(client(issuer)).authenticated_at <= now()


# -- claims that do not count ---------------------------------------------------------------


def without(name):
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def with_(name, value):
    return lambda claims: claims | {name: value(claims) if callable(value) else value}


HOUR = 3600
TIMES = "iss, sub, aud, exp, nbf or iat"
TAMPERED = {
    "other issuer": (with_("iss", "https://mitid.example"), "id_token_invalid", TIMES),
    "no issuer": (without("iss"), "id_token_invalid", TIMES),
    "no subject": (without("sub"), "id_token_invalid", TIMES),
    "empty subject": (with_("sub", ""), "id_token_invalid", TIMES),
    "expired": (with_("exp", lambda _: time.time() - HOUR), "id_token_invalid", TIMES),
    "never expires": (without("exp"), "id_token_invalid", TIMES),
    "issued later": (with_("iat", lambda _: time.time() + HOUR), "id_token_invalid", TIMES),
    "issued never": (without("iat"), "id_token_invalid", TIMES),
    "not valid yet": (with_("nbf", lambda _: time.time() + HOUR), "id_token_invalid", TIMES),
    "no audience": (without("aud"), "id_token_invalid", TIMES),
    "other audience": (with_("aud", "another-client"), "id_token_invalid", ": aud."),
    "more audiences": (with_("aud", [CLIENT_ID, "another"]), "id_token_invalid", ": aud."),
    "other party": (with_("azp", "another-client"), "id_token_invalid", ": azp."),
    "other nonce": (with_("nonce", "of another login"), "id_token_invalid", ": nonce."),
    "nonces": (with_("nonce", lambda c: [c["nonce"]]), "id_token_invalid", ": nonce."),
    "no nonce": (without("nonce"), "id_token_invalid", ": nonce."),
    "no login time": (without("auth_time"), "not_fresh", ""),
    "old login": (with_("auth_time", lambda c: c["auth_time"] - HOUR), "not_fresh", ""),
    "later login": (with_("auth_time", lambda c: c["auth_time"] + HOUR), "not_fresh", ""),
    "login time in words": (with_("auth_time", lambda c: str(c["auth_time"])), "not_fresh", ""),
    "login time no number": (with_("auth_time", float("nan")), "not_fresh", ""),
    "low": (with_("acr", "urn:grn:authn:dk:mitid:low"), "assurance_too_low", ""),
    "no assurance": (without("acr"), "assurance_too_low", ""),
    "assurances": (
        with_("acr", ["urn:grn:authn:dk:mitid:substantial"]),
        "assurance_too_low",
        "",
    ),
    "no CPR": (without("dk.cpr"), "no_cpr", ""),
    "empty CPR": (with_("dk.cpr", ""), "no_cpr", ""),
    "CPR that is none": (with_("dk.cpr", "999999-9999"), "no_cpr", ""),
    "CPR as a number": (with_("dk.cpr", 1010901234), "no_cpr", ""),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_claims_that_do_not_count(issuer, attack, case):
    attack.tamper, code, because = TAMPERED[case]
    with refused(code, because):
        log_in(client(issuer))


def test_substantial_is_not_high(issuer):
    with refused("assurance_too_low"):
        log_in(client(issuer), asked=HIGH)


# -- signatures that do not count -----------------------------------------------------------


def encoded(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def parts_of(token):
    header, payload, signature = token.split(".")
    return json.loads(decoded(header)), json.loads(decoded(payload)), signature


def public_key(issuer):
    jwks = requests.get(f"{issuer}/jwks", timeout=5).json()["keys"]
    return RSAKey.import_key(jwks[0])


def unsigned(token, _issuer):
    header, claims, _ = parts_of(token)
    return f"{encoded(header | {'alg': 'none'})}.{encoded(claims)}."


def signed_with_the_public_key(token, issuer):
    header, claims, _ = parts_of(token)
    text = f"{encoded(header | {'alg': 'HS256'})}.{encoded(claims)}"
    mac = hmac.digest(public_key(issuer).as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{encoded(mac)}"


def signed_with_a_foreign_key(token, _issuer):
    _, claims, _ = parts_of(token)
    return jwt.encode({"alg": "RS256", "kid": "foreign"}, claims, FOREIGN_KEY)


def signed_under_a_known_name(token, _issuer):
    header, claims, _ = parts_of(token)
    return jwt.encode(header, claims, FOREIGN_KEY)


def bringing_its_own_key(token, _issuer):
    _, claims, _ = parts_of(token)
    return jwt.encode({"alg": "RS256", "jwk": FOREIGN_KEY.as_dict(False)}, claims, FOREIGN_KEY)


def with_other_claims(token, _issuer):
    header, _, signature = token.split(".")
    _, claims, _ = parts_of(token)
    return f"{header}.{encoded(claims | {'dk.cpr': FATHER.cpr})}.{signature}"


def with_a_demand_we_do_not_know(token, _issuer):
    header, payload, signature = token.split(".")
    demanding = encoded(json.loads(decoded(header)) | {"crit": ["more"], "more": 1})
    return f"{demanding}.{payload}.{signature}"


FORGERIES = {
    "alg none": (unsigned, "signature"),
    "HS256 with the public key": (signed_with_the_public_key, "signature"),
    "unknown key": (signed_with_a_foreign_key, "does not publish"),
    "foreign key, known name": (signed_under_a_known_name, "signature"),
    "key in the header": (bringing_its_own_key, "signature"),
    "other claims": (with_other_claims, "signature"),
    "critical header": (with_a_demand_we_do_not_know, "signature"),
    "no signature": (lambda token, _: token.rpartition(".")[0], "signature"),
    "no JSON": (lambda token, _: "e30.e30.e30", "signature"),
    "letters": (lambda token, _: "æøå", "signature"),
    "nothing": (lambda token, _: "", "signature"),
    "a number": (lambda token, _: 17, "no ID token"),
}


@pytest.mark.parametrize("case", FORGERIES)
def test_signatures_that_do_not_count(issuer, attack, case):
    forgery, because = FORGERIES[case]
    attack.forge = lambda token: forgery(token, issuer)
    with refused("id_token_invalid", because):
        log_in(client(issuer))


def test_another_person_behind_a_true_signature_is_what_other_claims_would_be(issuer, attack):
    """The forgery above changes exactly this: the same claims, signed, do count."""
    attack.tamper = with_("dk.cpr", FATHER.cpr)
    assert log_in(client(issuer)).cpr == CprNumber("0202883333")


# -- answers that do not count --------------------------------------------------------------


def test_an_answer_to_another_login(issuer):
    login = client(issuer)
    mine, theirs = (login.start(RETURN, "da", now(), ASKED) for _ in range(2))
    with refused("state_mismatch", "this login"):
        login.finish(mine, RETURN, press(theirs.url, MOTHER.name), now())


@pytest.mark.parametrize("state", [None, "", "å", "x" * 43])
def test_an_answer_without_the_state(issuer, state):
    login = client(issuer)
    under_way = login.start(RETURN, "da", now(), ASKED)
    answer = press(under_way.url, MOTHER.name)
    assert answer["state"] == under_way.state
    answer = {**answer, "state": state} if state is not None else without("state")(answer)
    with refused("state_mismatch", "this login"):
        login.finish(under_way, RETURN, answer, now())


@pytest.mark.parametrize("iss", [None, "", "https://mitid.example"])
def test_an_answer_of_another_provider(issuer, iss):
    login = client(issuer)
    under_way = login.start(RETURN, "da", now(), ASKED)
    answer = press(under_way.url, MOTHER.name)
    assert answer["iss"] == issuer
    answer = {**answer, "iss": iss} if iss is not None else without("iss")(answer)
    with refused("state_mismatch", "another provider"):
        login.finish(under_way, RETURN, answer, now())


def test_cancelled(issuer):
    login = client(issuer)
    under_way = login.start(RETURN, "da", now(), ASKED)
    with refused("access_denied"):
        login.finish(under_way, RETURN, press(under_way.url, "Afbryd"), now())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("login_required", "provider_refused"),
        ("invalid_request", "provider_refused"),
        ("", "provider_refused"),
        ("server_error", "provider_unreachable"),
        ("temporarily_unavailable", "provider_unreachable"),
    ],
)
def test_an_error_beside_a_code_counts(issuer, error, code):
    login = client(issuer)
    under_way = login.start(RETURN, "da", now(), ASKED)
    answer = press(under_way.url, MOTHER.name) | {"error": error}
    with refused(code):
        login.finish(under_way, RETURN, answer, now())


def test_an_error_from_elsewhere_is_not_believed(issuer):
    login = client(issuer)
    under_way = login.start(RETURN, "da", now(), ASKED)
    with refused("state_mismatch"):
        login.finish(under_way, RETURN, {"error": "access_denied"}, now())


def test_no_code(issuer):
    login = client(issuer)
    under_way = login.start(RETURN, "da", now(), ASKED)
    with refused("provider_refused", "an error"):
        login.finish(under_way, RETURN, without("code")(press(under_way.url, MOTHER.name)), now())


def test_a_code_counts_once(issuer):
    login = client(issuer)
    under_way = login.start(RETURN, "da", now(), ASKED)
    answer = press(under_way.url, MOTHER.name)
    login.finish(under_way, RETURN, answer, now())
    with refused("provider_refused", "invalid_grant"):
        login.finish(under_way, RETURN, answer, now())


def test_a_code_without_its_verifier(issuer):
    login = client(issuer)
    under_way = login.start(RETURN, "da", now(), ASKED)
    answer = press(under_way.url, MOTHER.name)
    with refused("provider_refused", "invalid_grant"):
        login.finish(replace(under_way, code_verifier="0" * 64), RETURN, answer, now())


def test_a_code_of_another_login(issuer):
    """Injected code: state and issuer fit, the code was made for somebody else's login."""
    login = client(issuer)
    mine, theirs = (login.start(RETURN, "da", now(), ASKED) for _ in range(2))
    answer = press(theirs.url, FATHER.name) | {"state": mine.state}
    with refused("provider_refused", "invalid_grant"):
        login.finish(mine, RETURN, answer, now())


def test_a_wrong_secret(issuer):
    with refused("provider_refused", "invalid_client"):
        log_in(client(issuer, client_secret="another"))


def test_a_login_that_began_before_this_one(issuer):
    """The provider's own session may not answer for the person: the answer predates the start."""
    login = client(issuer)
    under_way = login.start(RETURN, "da", now(), ASKED)
    answer = press(under_way.url, MOTHER.name)
    later = replace(under_way, started_at=now() + timedelta(minutes=2))
    with refused("not_fresh"):
        login.finish(later, RETURN, answer, now() + timedelta(minutes=2))


# -- providers that cannot be used ----------------------------------------------------------


def test_nobody_listens(unused_port):
    with refused("provider_unreachable"):
        client(f"http://127.0.0.1:{unused_port}").start(RETURN, "da", now(), ASKED)


def test_down_when_the_code_is_to_be_exchanged():
    with running(PEOPLE, CLIENT_ID, CLIENT_SECRET, RETURN) as issuer:
        login = client(issuer)
        under_way = login.start(RETURN, "da", now(), ASKED)
        answer = press(under_way.url, MOTHER.name)
    with refused("provider_unreachable", "for the code"):
        login.finish(under_way, RETURN, answer, now())


def test_a_provider_that_does_not_answer_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        issuer = f"http://127.0.0.1:{silent.getsockname()[1]}"
        login = SignerLogin(settings(issuer), timeout_seconds=0.2)
        started = time.monotonic()
        with refused("provider_unreachable"):
            login.start(RETURN, "da", now(), ASKED)
        assert time.monotonic() - started < 3


def test_a_code_is_not_waited_for_either():
    def late(_issuer):
        time.sleep(1)
        return {"error": "invalid_grant"}

    with canned({DISCOVERY: (200, {}, document()), "/token": (400, {}, late)}) as issuer:
        login = SignerLogin(settings(issuer), timeout_seconds=0.2)
        under_way = login.start(RETURN, "da", now(), ASKED)
        with refused("provider_unreachable", "for the code"):
            login.finish(under_way, RETURN, {"state": under_way.state, "code": "x"}, now())


def test_a_provider_that_calls_itself_something_else(issuer):
    with refused("provider_unreachable", "another issuer"):
        client(issuer.replace("127.0.0.1", "localhost")).start(RETURN, "da", now(), ASKED)


@contextmanager
def canned(answers):
    """A server of fixed answers: path → (status, headers, body), the body maybe from the issuer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = answers[urlsplit(self.path).path]
            content = body(issuer) if callable(body) else body
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()


DISCOVERY = "/.well-known/openid-configuration"


def document(**changes):
    """A discovery document; changes may use {issuer}."""
    names = {
        "issuer": "{issuer}",
        "authorization_endpoint": "{issuer}/authorize",
        "token_endpoint": "{issuer}/token",
        "jwks_uri": "{issuer}/jwks",
        **changes,
    }
    return lambda issuer: {
        name: value.format(issuer=issuer) if isinstance(value, str) else value
        for name, value in names.items()
        if value is not None
    }


def test_the_plainest_document_is_enough():
    with canned({DISCOVERY: (200, {}, document())}) as issuer:
        assert (
            client(issuer).start(RETURN, "da", now(), ASKED).url.startswith(f"{issuer}/authorize?")
        )


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, document()),
        (404, {}, b"not found"),
        (302, {"Location": "/elsewhere"}, document()),
        (200, {}, b"<html>"),
        (200, {}, b"\xff\xfe"),
        (200, {}, b"[" * 100_000),
        (200, {}, []),
        (200, {}, {}),
        (200, {}, document(issuer="{issuer}/")),
        (200, {}, document(token_endpoint=None)),
        (200, {}, document(token_endpoint=17)),
        (200, {}, document(token_endpoint="http://mitid.example/token")),
        (200, {}, document(authorization_endpoint="http://mitid.example/authorize")),
        (200, {}, document(authorization_endpoint="javascript:alert(1)")),
        (200, {}, document(jwks_uri="http://mitid.example/jwks")),
        (200, {}, document(jwks_uri="https://[")),
    ],
)
def test_documents_that_cannot_be_used(answer):
    answers = {DISCOVERY: answer, "/elsewhere": (200, {}, document())}
    with canned(answers) as issuer, refused("provider_unreachable"):
        client(issuer).start(RETURN, "da", now(), ASKED)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((503, {}, {"error": "server_error"}), "provider_unreachable"),
        ((429, {}, b"slow down"), "provider_unreachable"),
        ((200, {}, b"<html>"), "provider_unreachable"),
        ((200, {}, []), "provider_unreachable"),
        ((302, {"Location": "/elsewhere"}, b""), "provider_unreachable"),
        ((307, {"Location": "/elsewhere"}, b""), "provider_unreachable"),
        ((200, {}, b"[" * 100_000), "provider_unreachable"),
        ((200, {}, {"id_token": "x", "expires_in": []}), "provider_unreachable"),
        ((200, {}, {"id_token": "x", "expires_in": "soon"}), "provider_unreachable"),
        ((400, {}, {"error": "invalid_grant"}), "provider_refused"),
        ((400, {}, {"error": ["010190-1234"]}), "provider_refused"),
        ((400, {}, {"error": "010190-1234"}), "provider_refused"),
        ((200, {}, {"access_token": "x"}), "id_token_invalid"),
        ((200, {}, {}), "id_token_invalid"),
    ],
)
def test_answers_to_the_code_that_cannot_be_used(answer, code):
    elsewhere = (400, {}, {"error": "invalid_grant"})
    answers = {DISCOVERY: (200, {}, document()), "/token": answer, "/elsewhere": elsewhere}
    with canned(answers) as issuer:
        login = client(issuer)
        under_way = login.start(RETURN, "da", now(), ASKED)
        with refused(code):
            login.finish(under_way, RETURN, {"state": under_way.state, "code": "x"}, now())


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ((500, {}, {"keys": []}), "provider_unreachable"),
        ((200, {}, {}), "provider_unreachable"),
        ((200, {}, {"keys": {}}), "provider_unreachable"),
        ((200, {}, {"keys": []}), "id_token_invalid"),
    ],
)
def test_key_sets_that_cannot_be_used(keys, code):
    token = jwt.encode({"alg": "RS256", "kid": "foreign"}, {}, FOREIGN_KEY)
    answers = {
        DISCOVERY: (200, {}, document()),
        "/token": (200, {}, {"id_token": token}),
        "/jwks": keys,
    }
    with canned(answers) as issuer:
        login = client(issuer)
        under_way = login.start(RETURN, "da", now(), ASKED)
        with refused(code):
            login.finish(under_way, RETURN, {"state": under_way.state, "code": "x"}, now())


STRANGE_KEYS = [
    17,
    {},
    {"kty": "LWE", "kid": "from the future"},
    {"kty": "EC", "crv": "P-1", "x": "AA", "y": "AA", "kid": "no such curve"},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "not on the curve"},
    {"kty": "RSA", "n": "", "e": "", "kid": "no number"},
    {"kty": "RSA", "n": 1, "e": 2, "kid": "no text"},
    {"kty": "RSA", "n": ["A"] * 400, "e": "AQAB", "kid": "a list"},
    {"kty": "RSA", "n": "A" * 86, "e": "AQAB", "kid": "512 bits"},
    {"kty": "RSA", "n": "_" * 342, "e": "AA", "kid": "bad exponent"},
    {"kty": "OKP", "crv": "X9", "x": "AA", "kid": "no such curve"},
    {"kty": "oct", "k": "AAAA", "kid": "symmetric"},
    {"kty": "RSA", "use": ["sig"], "kid": "use is a list"},
]


def test_keys_we_cannot_read_do_not_hide_the_one_we_need():
    """The claims name another issuer: what is refused is that, so the signature was verified."""
    claims = {"iss": "https://mitid.example"}
    token = jwt.encode({"alg": "RS256", "kid": "foreign"}, claims, FOREIGN_KEY)
    answers = {
        DISCOVERY: (200, {}, document()),
        "/token": (200, {}, {"id_token": token}),
        "/jwks": (200, {}, {"keys": [*STRANGE_KEYS, FOREIGN_KEY.as_dict(private=False)]}),
    }
    with canned(answers) as issuer:
        login = client(issuer)
        under_way = login.start(RETURN, "da", now(), ASKED)
        with refused("id_token_invalid", TIMES):
            login.finish(under_way, RETURN, {"state": under_way.state, "code": "x"}, now())


def test_a_short_key_does_not_sign():
    private = rsa.generate_private_key(65537, 1024)
    numbers = private.public_key().public_numbers()
    member = {"kty": "RSA", "kid": "1024", "e": "AQAB", "n": encoded(numbers.n.to_bytes(128))}
    text = f"{encoded({'alg': 'RS256', 'kid': '1024'})}.{encoded({})}"
    signature = private.sign(text.encode(), PKCS1v15(), SHA256())
    answers = {
        DISCOVERY: (200, {}, document()),
        "/token": (200, {}, {"id_token": f"{text}.{encoded(signature)}"}),
        "/jwks": (200, {}, {"keys": [member]}),
    }
    with canned(answers) as issuer:
        login = client(issuer)
        under_way = login.start(RETURN, "da", now(), ASKED)
        with refused("id_token_invalid", "does not publish"):
            login.finish(under_way, RETURN, {"state": under_way.state, "code": "x"}, now())


def test_a_symmetric_key_in_the_set_does_not_sign():
    secret = {"kty": "oct", "k": encoded(b"published" * 8), "kid": "symmetric"}
    text = f"{encoded({'alg': 'HS256', 'kid': 'symmetric'})}.{encoded({})}"
    mac = hmac.digest(b"published" * 8, text.encode(), "sha256")
    answers = {
        DISCOVERY: (200, {}, document()),
        "/token": (200, {}, {"id_token": f"{text}.{encoded(mac)}"}),
        "/jwks": (200, {}, {"keys": [secret]}),
    }
    with canned(answers) as issuer:
        login = client(issuer)
        under_way = login.start(RETURN, "da", now(), ASKED)
        with refused("id_token_invalid", "signature"):
            login.finish(under_way, RETURN, {"state": under_way.state, "code": "x"}, now())


# -- keys that change -----------------------------------------------------------------------


def test_new_keys_are_fetched_once_and_not_too_often(unused_port):
    first_provider = running(PEOPLE, CLIENT_ID, CLIENT_SECRET, RETURN, port=unused_port)
    with first_provider as issuer:
        login = client(issuer)
        log_in(login)
    fetched = now()
    with running(PEOPLE, CLIENT_ID, CLIENT_SECRET, RETURN, port=unused_port):
        under_way = login.start(RETURN, "da", now(), ASKED)
        with refused("id_token_invalid", "does not publish"):
            login.finish(under_way, RETURN, press(under_way.url, MOTHER.name), fetched)
        under_way = login.start(RETURN, "da", now(), ASKED)
        answer = press(under_way.url, MOTHER.name)
        later = fetched + timedelta(seconds=11)
        assert login.finish(under_way, RETURN, answer, later).subject == MOTHER.subject


def test_keys_and_endpoints_are_kept_for_an_hour():
    asked = []

    def counted(body):
        return lambda issuer: asked.append(1) or body(issuer)

    with canned({DISCOVERY: (200, {}, counted(document()))}) as issuer:
        login, start = client(issuer), now()
        for minutes, times in ((0, 1), (59, 1), (60, 2), (61, 2), (30, 3)):
            login.start(RETURN, "da", start + timedelta(minutes=minutes), ASKED)
            assert len(asked) == times, f"after {minutes} minutes"


@pytest.fixture
def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
