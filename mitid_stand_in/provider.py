"""The provider itself: discovery, keys, the login page and the token endpoint.

Sources: OpenID Connect Core 1.0 § 3.1 (code flow), OpenID Connect Discovery 1.0, RFC 7636 (PKCE,
S256 required), RFC 9207 (`iss` in every answer). Everything is kept in memory and forgotten.
"""

import base64
import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit

from flask import Flask, Response, abort, redirect, render_template, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Response as AnyResponse

ACR = "urn:grn:authn:dk:mitid:substantial"
CODE_SECONDS = 60
TOKEN_SECONDS = 300
PAGE_SECONDS = 600
MOST_OPEN_PAGES = 1000

Claims = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody made up. `description` says on the button who they are in the story."""

    cpr: str = field(repr=False)
    name: str
    description: str = ""

    @property
    def subject(self) -> str:
        """A pseudonym that stays the same over restarts, and is not made from the CPR number."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name}/{self.description}"))


@dataclass(frozen=True)
class Config:
    """The one client this provider serves, and the people it can be."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    people: tuple[Person, ...]


@dataclass(frozen=True)
class Login:
    """An authorization request that was in order; with a person, what a code stands for."""

    nonce: str
    challenge: str
    state: str
    since: float
    person: Person | None = None


@dataclass
class Memory:
    """Open pages and unused codes, by the random name each was given."""

    pages: dict[str, Login] = field(default_factory=dict)
    codes: dict[str, Login] = field(default_factory=dict)


class Refused(Exception):
    """An error for the client, with a code of RFC 6749 or OpenID Connect Core § 3.1.2.6."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def create_app(
    config: Config,
    tamper: Callable[[Claims], Claims] = dict,
    forge: Callable[[str], str] = str,
    clock: Callable[[], float] = time.time,
) -> Flask:
    """The provider as an application, with a signing key made just now.

    For tests that attack a client: `tamper` changes the claims before they are signed, `forge`
    the finished ID token. Neither can be reached from the command line.
    """
    app = Flask(__name__, static_url_path="")
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost", "[::1]"]
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    memory = Memory()

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Claims:
        return _discovery(config.issuer)

    @app.get("/jwks")
    def jwks() -> Claims:
        return {"keys": [key.as_dict(private=False)]}

    @app.get("/authorize")
    def authorize() -> AnyResponse | str:
        if (request.args.get("client_id"), request.args.get("redirect_uri")) != (
            config.client_id,
            config.redirect_uri,
        ):
            abort(400, "Unknown client_id or redirect_uri.")
        state = request.args.get("state", "")
        try:
            login = _read_request(request.args, state, clock())
        except Refused as refused:
            return _answer(config, state, error=refused.error)
        page = _remember(memory.pages, login, PAGE_SECONDS)
        return render_template("login.html", page=page, people=config.people)

    @app.post("/authorize")
    def choose() -> AnyResponse:
        login = memory.pages.pop(request.form.get("page", ""), None)
        if login is None or clock() - login.since > PAGE_SECONDS:
            abort(400, "This page was used already, or is too old. Start again.")
        if "cancel" in request.form:
            return _answer(config, login.state, error="access_denied")
        try:
            person = config.people[int(request.form["person"])]
        except (ValueError, IndexError):
            abort(400, "There is no such person.")
        chosen = Login(login.nonce, login.challenge, login.state, clock(), person)
        return _answer(config, login.state, code=_remember(memory.codes, chosen, CODE_SECONDS))

    @app.post("/token")
    def token() -> tuple[Claims, int, dict[str, str]]:
        try:
            login = _redeem(config, memory.codes, clock())
        except Refused as refused:
            unknown = refused.error == "invalid_client"
            headers = {"WWW-Authenticate": 'Basic realm="token"'} if unknown else {}
            return {"error": refused.error}, 401 if unknown else 400, headers
        claims = tamper(_claims(config, login, clock()))
        # No default `typ`, and a plain dict: a test may make the claims whatever it likes.
        signed = jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
        answer = {
            "access_token": secrets.token_urlsafe(32),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "id_token": forge(signed),
        }
        return answer, 200, {}

    @app.after_request
    def harden(response: Response) -> Response:
        # The form's answer redirects to the client, and browsers hold form-action against that.
        client = urlsplit(config.redirect_uri)
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {client.scheme}://{client.netloc}"
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return app


def _discovery(issuer: str) -> Claims:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "scopes_supported": ["openid"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["login"],
        "acr_values_supported": [ACR],
        "claims_supported": ["sub", "name", "acr", "auth_time", "dk.cpr"],
        "ui_locales_supported": ["da", "en"],
        "authorization_response_iss_parameter_supported": True,
        "request_uri_parameter_supported": False,
    }


def _read_request(args: Mapping[str, str], state: str, now: float) -> Login:
    """The request of a known client. Whatever `prompt` and `max_age` say, the page will ask."""
    if args.get("response_type") != "code":
        raise Refused("unsupported_response_type")
    if "openid" not in args.get("scope", "").split():
        raise Refused("invalid_scope")
    if "request" in args or "request_uri" in args:
        raise Refused("request_not_supported")
    if "none" in args.get("prompt", "").split():
        raise Refused("login_required")
    nonce, challenge = args.get("nonce", ""), args.get("code_challenge", "")
    if not nonce or len(challenge) != 43 or args.get("code_challenge_method") != "S256":
        raise Refused("invalid_request")
    return Login(nonce, challenge, state, now)


def _remember(open_logins: dict[str, Login], login: Login, seconds: int) -> str:
    """Keep a login under a random name, and forget the old ones."""
    for name, other in list(open_logins.items()):
        if login.since - other.since > seconds or len(open_logins) >= MOST_OPEN_PAGES:
            open_logins.pop(name, None)
    name = secrets.token_urlsafe(32)
    open_logins[name] = login
    return name


def _answer(config: Config, state: str, **parameters: str) -> AnyResponse:
    """Back to the client (RFC 6749 §§ 4.1.2 and 4.1.2.1), saying who answers (RFC 9207)."""
    if state:
        parameters["state"] = state
    joint = "&" if urlsplit(config.redirect_uri).query else "?"
    query = urlencode({**parameters, "iss": config.issuer})
    return redirect(f"{config.redirect_uri}{joint}{query}", 303)


def _redeem(config: Config, codes: dict[str, Login], now: float) -> Login:
    """What a code stands for: told once, within a minute, to the client that asked for it."""
    if not _is_our_client(config):
        raise Refused("invalid_client")
    if request.form.get("grant_type") != "authorization_code":
        raise Refused("unsupported_grant_type")
    login = codes.pop(request.form.get("code", ""), None)
    verifier = request.form.get("code_verifier", "")
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if (
        login is None
        or now - login.since > CODE_SECONDS
        or request.form.get("redirect_uri") != config.redirect_uri
        or not hmac.compare_digest(challenge, login.challenge.encode("utf-8", "replace").decode())
    ):
        raise Refused("invalid_grant")
    return login


def _is_our_client(config: Config) -> bool:
    """Whether client_secret_basic holds, form-encoded inside as RFC 6749 § 2.3.1 wants it."""
    sent = request.authorization
    if sent is None or sent.type != "basic":
        return False
    told = (unquote_plus(sent.username or ""), unquote_plus(sent.password or ""))
    return all(
        hmac.compare_digest(one.encode(), other.encode())
        for one, other in zip(told, (config.client_id, config.client_secret), strict=True)
    )


def _claims(config: Config, login: Login, now: float) -> Claims:
    assert login.person is not None, "a code is made for a person"  # noqa: S101 - for mypy
    return {
        "iss": config.issuer,
        "sub": login.person.subject,
        "aud": config.client_id,
        "iat": int(now),
        "exp": int(now) + TOKEN_SECONDS,
        "auth_time": int(login.since),
        "nonce": login.nonce,
        "acr": ACR,
        "name": login.person.name,
        "dk.cpr": login.person.cpr,
    }
