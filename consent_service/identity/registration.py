"""How this service is registered as a client at an OpenID provider, and what it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consent_service.errors import Misconfigured
from consent_service.identity.addresses import is_safe_address
from consent_service.identity.client_authentication import ClientAuthentication, ClientKey

OURS = frozenset(
    {
        "client_id",
        "redirect_uri",
        "response_mode",
        "response_type",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "code_verifier",
        "prompt",
        "max_age",
        "ui_locales",
        "request",
        "request_uri",
    }
)
"""The parameters of an authorization request that no configuration changes."""


@dataclass(frozen=True)
class Registration:
    """A client at one provider, whoever logs in there: signers or staff. Raises Misconfigured.

    `extra_parameters` go along to the login page as the provider wants them (`acr_values`,
    `idp_values`). With a `request_key` a request may be signed (RFC 9101). `prompt` and
    `max_age_seconds` ask for a fresh login; whether it was one is the caller's to check
    (`id_token.login_time`).
    """

    issuer: str
    client_id: str
    authentication: ClientAuthentication
    scopes: tuple[str, ...] = ("openid",)
    extra_parameters: Mapping[str, str] = field(default_factory=dict)
    prompt: str | None = "login"
    max_age_seconds: int | None = 0
    request_key: ClientKey | None = None

    def __post_init__(self) -> None:
        if not is_safe_address(self.issuer) or "?" in self.issuer or "#" in self.issuer:
            raise Misconfigured("the provider's issuer must be an https address")
        if not self.client_id:
            raise Misconfigured("the provider's client_id is empty")
        if "openid" not in self.scopes:
            raise Misconfigured("the provider's scopes must contain openid")
        if self.max_age_seconds is not None and self.max_age_seconds < 0:
            raise Misconfigured("the provider's max_age is a number of seconds, 0 or more")
        if taken := sorted(OURS & self.extra_parameters.keys()):
            raise Misconfigured(f"the provider's extra_parameters may not set {', '.join(taken)}")
