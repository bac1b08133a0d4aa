"""The token endpoint: OAuth 2.0 client credentials (RFC 6749 § 4.4), on Authlib's server.

One server for each request, over its unit of work: nothing is remembered between two.
"""

import hmac
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import (
    ClientCredentialsGrant,
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from consent_service.identity.bearer import issue_token
from consent_service.identity.client_assertion import ClientAssertion
from consent_service.identity.public_keys import ALGORITHMS
from consent_service.services.access.client import SCOPES, Client
from consent_service.services.access.manage_clients import secret_hash
from consent_service.services.access.ports import Clients
from consent_service.services.kernel.model import Caller
from consent_service.signing.schedule import Signer

METHODS = ("private_key_jwt", "client_secret_basic", "client_secret_post")
PATH = "/oauth/token"
LONGEST_SECRET = 256
_CLIENT_ID = re.compile(r"[\x20-\x7e]{1,255}")

# At level DEBUG Authlib writes the tokens it issues.
logging.getLogger("authlib").setLevel(logging.WARNING)

_WORDS: Mapping[str, str] = {
    "invalid_request": "The request lacks a parameter, repeats one, or is not a form.",
    "invalid_client": "The client did not prove itself.",
    "invalid_scope": "A scope that is unknown, or that this client may not ask for.",
    "unauthorized_client": "The client is suspended until the operator has confirmed it.",
    "unsupported_grant_type": "Only grant_type=client_credentials is served.",
}
"""What is said with an error: fixed words, so that nothing received is ever repeated."""


@dataclass(frozen=True)
class TokenSettings:
    """Who issues, for whom and for how long."""

    issuer: str
    audience: str
    endpoint: str
    lifetime: timedelta
    signing_key: Signer
    new_id: Callable[[], str]


@dataclass(frozen=True)
class TokenAnswer:
    """An answer of the token endpoint (RFC 6749 §§ 5.1 and 5.2).

    `caller` is whose token it holds; None for a refusal, which says of nobody who they are.
    """

    status: int
    content: Mapping[str, Any]
    headers: Mapping[str, str]
    caller: Caller | None = None


class _RegisteredClient(ClientMixin):
    """A client as Authlib asks about it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get_client_id(self) -> str:
        return self.client.id

    def get_allowed_scope(self, scope: Any) -> Any:
        # None makes it `invalid_scope`: asking for more is refused, never quietly narrowed.
        wanted = frozenset(str(scope).split(" ")) if scope else self.client.scopes
        return " ".join(sorted(wanted)) if wanted <= self.client.scopes else None

    def check_client_secret(self, client_secret: str) -> bool:
        if len(client_secret) > LONGEST_SECRET:
            return False
        given = secret_hash(client_secret)
        # All of them are compared, whichever fits.
        fits = [hmac.compare_digest(given, known.sha256) for known in self.client.secrets]
        return any(fits)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        kind = method if method == "private_key_jwt" else "client_secret"
        return endpoint == "token" and kind == self.client.auth_method

    def check_grant_type(self, grant_type: str) -> bool:
        # Asked once the client has proven itself: who it is may hear why it gets nothing.
        is_served = grant_type == ClientCredentialsGrant.GRANT_TYPE
        return is_served and self.client.suspended_at is None


class _Request(OAuth2Request):
    """A form and the Authorization header; nothing of the query counts (RFC 6749 § 2.3.1)."""

    def __init__(self, endpoint: str, form: Mapping[str, str], authorization: str) -> None:
        super().__init__("POST", endpoint, headers={"Authorization": authorization})
        self._form = dict(form)
        self.payload = BasicOAuth2Payload(self._form)

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _Grant(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class _Server(AuthorizationServer):
    """Authlib's server over one unit of work."""

    def __init__(self, settings: TokenSettings, clients: Clients, now: datetime) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self._settings = settings
        self._clients = clients
        self._now = now
        self._caller: Caller | None = None
        audiences = (settings.endpoint, settings.issuer)
        assertion = ClientAssertion(clients, audiences, now)
        self.register_client_auth_method(ClientAssertion.CLIENT_AUTH_METHOD, assertion)
        self.register_grant(_Grant)
        lifetime = int(settings.lifetime.total_seconds())
        generator = BearerTokenGenerator(
            self._access_token, expires_generator=lambda _client, _grant: lifetime
        )
        self.register_token_generator("default", generator)

    def query_client(self, client_id: str) -> Any:
        # Said in a form, a header or an assertion that nobody has verified yet.
        if _CLIENT_ID.fullmatch(client_id) is None:
            return None
        client = self._clients.vouched(client_id)
        return None if client is None or client.revoked_at else _RegisteredClient(client)

    def save_token(self, token: Any, request: OAuth2Request) -> None:
        """Nothing to save: a token is signed, and a revocation is of the client."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        made: OAuth2Request = request
        return made

    def handle_response(self, status: int, body: Any, headers: Any) -> TokenAnswer:
        return TokenAnswer(status, body, dict(headers), self._caller)

    def handle_error_response(self, request: OAuth2Request, error: OAuth2Error) -> TokenAnswer:  # noqa: ARG002 - Authlib hands it over
        return refusal(str(error.error))

    def _access_token(self, *, client: Any, scope: str, **_more: Any) -> str:
        settings, registered = self._settings, client.client
        scopes = frozenset(scope.split())
        self._caller = Caller(registered.organisation, registered.id, scopes)
        return issue_token(
            settings.signing_key.at(self._now),
            issuer=settings.issuer,
            audience=settings.audience,
            caller=self._caller,
            issued_at=self._now,
            expires_at=self._now + settings.lifetime,
            token_id=settings.new_id(),
        )


def answer_token_request(
    settings: TokenSettings,
    clients: Clients,
    form: Mapping[str, str],
    authorization: str,
    now: datetime,
) -> TokenAnswer:
    """A token, or the error that RFC 6749 § 5.2 names.

    Commit afterwards in either case: an assertion that was refused for its scope is used up too.
    """
    try:
        _check_one_method(form, authorization)
        server = _Server(settings, clients, now)
        answer: Any = server.create_token_response(_Request(settings.endpoint, form, authorization))
    except OAuth2Error as error:
        return refusal(str(error.error))
    except (ValueError, TypeError):
        # Authlib decodes an Authorization header that is not what it should be.
        return refusal("invalid_client")
    made: TokenAnswer = answer
    return made


def refusal(error: str) -> TokenAnswer:
    """The answer to a request that gets no token."""
    words = _WORDS.get(error, "Refused.")
    content = {"error": error, "error_description": words}
    if error != "invalid_client":
        return TokenAnswer(400, content, {})
    return TokenAnswer(401, content, {"WWW-Authenticate": 'Basic realm="consent-service"'})


def metadata(settings: TokenSettings, base_url: str) -> dict[str, Any]:
    """The server's description (RFC 8414 § 2)."""
    described = AuthorizationServerMetadata(
        issuer=settings.issuer,
        token_endpoint=settings.endpoint,
        scopes_supported=list(SCOPES),
        response_types_supported=[],
        grant_types_supported=[ClientCredentialsGrant.GRANT_TYPE],
        token_endpoint_auth_methods_supported=list(METHODS),
        token_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
        service_documentation=f"{base_url}/docs",
    )
    return dict(described)


def _check_one_method(form: Mapping[str, str], authorization: str) -> None:
    """RFC 6749 § 2.3: one way of proving oneself in a request."""
    used = (
        bool(authorization),
        "client_secret" in form,
        "client_assertion" in form or "client_assertion_type" in form,
    )
    if sum(used) > 1:
        raise InvalidRequestError
    named, _ = extract_basic_authorization({"Authorization": authorization})
    if named is not None and form.get("client_id", named) != named:
        raise InvalidClientError
