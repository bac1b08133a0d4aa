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
from typing import Any, TypeVar
from urllib.parse import unquote_plus, urlencode, urlsplit

from flask import Flask, Response, abort, redirect, render_template, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Response as AnyResponse

ACR = "urn:grn:authn:dk:mitid:substantial"
CODE_SECONDS = 60
TOKEN_SECONDS = 300
PAGE_SECONDS = 600
MOST_OPEN = 1000

Claims = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody made up. `description` says on the button who they are in the story.

    With a CPR number it is a citizen with MitID, without one a member of staff: then the
    `claims` (their roles, say) are all the ID token holds beside the name.
    """

    cpr: str | None = field(repr=False)
    name: str
    description: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False)

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

    @property
    def is_for_staff(self) -> bool:
        """Whether nobody here has MitID."""
        return bool(self.people) and not any(person.cpr for person in self.people)


@dataclass(frozen=True)
class Asked:
    """An authorization request that was in order, while its page is open."""

    nonce: str
    challenge: str
    state: str
    since: float


@dataclass(frozen=True)
class Chosen:
    """Who logged in, and when: what a code stands for."""

    nonce: str
    challenge: str
    person: Person
    since: float


Kept = TypeVar("Kept", Asked, Chosen)


class Refused(Exception):
    """An error for the client, with a code of RFC 6749 or OpenID Connect Core § 3.1.2.6."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Provider:
    """The endpoints, the key they sign with, and the open pages and unused codes."""

    def __init__(
        self,
        config: Config,
        tamper: Callable[[Claims], Claims],
        forge: Callable[[str], str],
        clock: Callable[[], float],
        key: RSAKey,
    ) -> None:
        self._config = config
        self._tamper = tamper
        self._forge = forge
        self._clock = clock
        self._key = key
        self._pages: dict[str, Asked] = {}
        self._codes: dict[str, Chosen] = {}

    def discovery(self) -> Claims:
        return _discovery(self._config.issuer)

    def jwks(self) -> Claims:
        return {"keys": [self._key.as_dict(private=False)]}

    def page(self) -> AnyResponse | str:
        """The login page, or an error the client gets. An unknown client gets nothing."""
        sent = (request.args.get("client_id"), request.args.get("redirect_uri"))
        if sent != (self._config.client_id, self._config.redirect_uri):
            abort(400, "Unknown client_id or redirect_uri.")
        state = request.args.get("state", "")
        try:
            asked = _read_request(request.args, state, self._clock())
        except Refused as refused:
            return self._answer(state, error=refused.error)
        page = _remember(self._pages, asked, PAGE_SECONDS)
        return render_template(
            "login.html",
            page=page,
            people=self._config.people,
            is_for_staff=self._config.is_for_staff,
        )

    def choose(self) -> AnyResponse:
        """The button pressed: back to the client with a code, or with `access_denied`."""
        asked = self._pages.pop(request.form.get("page", ""), None)
        if asked is None or self._clock() - asked.since > PAGE_SECONDS:
            abort(400, "This page was used already, or is too old. Start again.")
        if "cancel" in request.form:
            return self._answer(asked.state, error="access_denied")
        person = dict(enumerate(self._config.people)).get(request.form.get("person", -1, int))
        if person is None:
            abort(400, "There is no such person.")
        chosen = Chosen(asked.nonce, asked.challenge, person, self._clock())
        return self._answer(asked.state, code=_remember(self._codes, chosen, CODE_SECONDS))

    def token(self) -> tuple[Claims, int, dict[str, str]]:
        """The ID token for a code; or an error (RFC 6749 § 5.2)."""
        try:
            chosen = _redeem(self._config, self._codes, self._clock())
        except Refused as refused:
            if refused.error == "invalid_client":
                return {"error": refused.error}, 401, {"WWW-Authenticate": 'Basic realm="token"'}
            return {"error": refused.error}, 400, {}
        claims = self._tamper(_claims(self._config, chosen, self._clock()))
        # `_typ` is no claim: by it a test says what the token's header shall call itself.
        header = {"alg": "RS256", "kid": self._key.kid, "typ": claims.pop("_typ", "JWT")}
        signed = jwt.encode(header, claims, self._key)
        answer = {
            "access_token": secrets.token_urlsafe(32),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "id_token": self._forge(signed),
        }
        return answer, 200, {}

    def logout(self) -> AnyResponse:
        """Back to the client, on its own host alone: nobody stays logged in here anyway."""
        there, own = request.args.get("post_logout_redirect_uri", ""), self._config.redirect_uri
        if request.args.get("client_id") != self._config.client_id:
            abort(400, "Unknown client_id.")
        if urlsplit(there)[:2] != urlsplit(own)[:2]:
            abort(400, "Unknown post_logout_redirect_uri.")
        return redirect(there, 303)

    def harden(self, response: Response) -> Response:
        """Headers of every answer. Browsers hold `form-action` against the redirect as well."""
        client = urlsplit(self._config.redirect_uri)
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {client.scheme}://{client.netloc}"
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _answer(self, state: str, **parameters: str) -> AnyResponse:
        """Back to the client (RFC 6749 § 4.1.2), saying who answers (RFC 9207)."""
        if state:
            parameters["state"] = state
        joint = "&" if urlsplit(self._config.redirect_uri).query else "?"
        query = urlencode({**parameters, "iss": self._config.issuer})
        return redirect(f"{self._config.redirect_uri}{joint}{query}", 303)


def new_key() -> RSAKey:
    """A signing key. To make one takes longer than all else at a start."""
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)


def create_app(
    config: Config,
    tamper: Callable[[Claims], Claims] = dict,
    forge: Callable[[str], str] = str,
    clock: Callable[[], float] = time.time,
    key: RSAKey | None = None,
) -> Flask:
    """The provider as an application, with a signing key made just now unless one is given.

    For tests that attack a client: `tamper` changes the claims before they are signed, `forge`
    the finished ID token. Neither can be reached from the command line.
    """
    provider = Provider(config, tamper, forge, clock, key or new_key())
    app = Flask(__name__, static_url_path="")
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost", "[::1]"]
    app.get("/.well-known/openid-configuration")(provider.discovery)
    app.get("/jwks")(provider.jwks)
    app.get("/authorize")(provider.page)
    app.post("/authorize")(provider.choose)
    app.post("/token")(provider.token)
    app.get("/logout")(provider.logout)
    app.after_request(provider.harden)
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
        "end_session_endpoint": f"{issuer}/logout",
    }


def _read_request(args: Mapping[str, str], state: str, now: float) -> Asked:
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
    return Asked(nonce, challenge, state, now)


def _remember(kept: dict[str, Kept], new: Kept, seconds: int) -> str:
    """Keep something under a random name, and forget what is too old or too much."""
    for name, other in list(kept.items()):
        if new.since - other.since > seconds or len(kept) >= MOST_OPEN:
            kept.pop(name, None)
    name = secrets.token_urlsafe(32)
    kept[name] = new
    return name


def _redeem(config: Config, codes: dict[str, Chosen], now: float) -> Chosen:
    """What a code stands for: told once, within a minute, to the client that asked for it."""
    if not _is_our_client(config):
        raise Refused("invalid_client")
    if request.form.get("grant_type") != "authorization_code":
        raise Refused("unsupported_grant_type")
    chosen = codes.pop(request.form.get("code", ""), None)
    verifier = request.form.get("code_verifier", "")
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=")
    if (
        chosen is None
        or now - chosen.since > CODE_SECONDS
        or request.form.get("redirect_uri") != config.redirect_uri
        or not hmac.compare_digest(challenge, chosen.challenge.encode())
    ):
        raise Refused("invalid_grant")
    return chosen


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


def _claims(config: Config, chosen: Chosen, now: float) -> Claims:
    return {
        "iss": config.issuer,
        "sub": chosen.person.subject,
        "aud": config.client_id,
        "iat": int(now),
        "exp": int(now) + TOKEN_SECONDS,
        "auth_time": int(chosen.since),
        "nonce": chosen.nonce,
        "name": chosen.person.name,
        **({"acr": ACR, "dk.cpr": chosen.person.cpr} if chosen.person.cpr else {}),
        **chosen.person.claims,
    }
