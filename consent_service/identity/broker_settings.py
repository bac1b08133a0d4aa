"""From settings to a signers' provider: a broker's preset, and what the deployment overrides."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

from consent_service.config import SignerProviderSettings
from consent_service.errors import Misconfigured
from consent_service.identity.brokers import (
    BROKERS,
    AuthenticationMethod,
    Broker,
    ClaimSource,
    TextStyle,
)
from consent_service.identity.client_authentication import (
    ClientAuthentication,
    ClientKey,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
)
from consent_service.identity.registration import Registration
from consent_service.identity.signer_claims import SignerProvider


def signer_provider(settings: SignerProviderSettings) -> SignerProvider:
    """What the settings come to. Raises Misconfigured naming the variable."""
    broker = _overridden(_preset(settings), settings)
    key = _key(settings)
    return SignerProvider(
        registration=Registration(
            issuer=settings.issuer,
            client_id=settings.client_id,
            authentication=_authentication(broker.authentication, settings, key),
            scopes=broker.scopes,
            extra_parameters=_parameters(broker),
            max_age_seconds=settings.max_age_seconds,
            request_key=key,
        ),
        cpr_claim=broker.cpr_claim,
        loa_claim=broker.loa_claim,
        accepted_loas=broker.accepted_loas,
        cpr_from=broker.cpr_from,
        text=broker.text,
        signs_text=broker.signs_text,
        form_origins=broker.form_origins,
    )


def _preset(settings: SignerProviderSettings) -> Broker:
    if settings.broker is None:
        if not settings.cpr_claim:
            raise Misconfigured("CONSENT_OIDC_CPR_CLAIM is not set, and no CONSENT_OIDC_BROKER")
        return Broker(cpr_claim=settings.cpr_claim)
    if settings.broker not in BROKERS:
        raise Misconfigured(f"CONSENT_OIDC_BROKER is one of {', '.join(BROKERS)}")
    return BROKERS[settings.broker]


def _overridden(broker: Broker, settings: SignerProviderSettings) -> Broker:
    """The preset with what the deployment says itself."""
    _check_known("CONSENT_OIDC_CPR_FROM", settings.cpr_from, get_args(ClaimSource))
    _check_known("CONSENT_OIDC_TEXT", settings.text, get_args(TextStyle))
    methods = get_args(AuthenticationMethod)
    _check_known("CONSENT_OIDC_CLIENT_AUTHENTICATION", settings.client_authentication, methods)
    given = {
        "cpr_claim": settings.cpr_claim,
        "cpr_from": settings.cpr_from,
        "loa_claim": settings.loa_claim,
        "acr_values": settings.acr_values,
        "text": settings.text,
        "authentication": settings.client_authentication,
        "scopes": tuple(settings.scopes.split()) if settings.scopes else None,
        "parameters": _json_texts("CONSENT_OIDC_PARAMETERS", settings.parameters),
        "accepted_loas": _json_texts("CONSENT_OIDC_LOA_VALUES", settings.loa_values),
        "form_origins": tuple(settings.form_origins.split()) if settings.form_origins else None,
    }
    # The names and types are Broker's own: checked above, and by mypy in `brokers`.
    changed: Broker = replace(broker, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]  # a mapping of several types
    return changed


def _parameters(broker: Broker) -> dict[str, str]:
    acr = {"acr_values": broker.acr_values} if broker.acr_values else {}
    return {**broker.parameters, **acr}


def _authentication(
    method: str, settings: SignerProviderSettings, key: ClientKey | None
) -> ClientAuthentication:
    if method == "private_key_jwt":
        if key is None:
            raise Misconfigured("CONSENT_OIDC_CLIENT_KEY_FILE is not set")
        if settings.assertion_audience == "token_endpoint":
            return PrivateKeyJwt(key, "token_endpoint")
        _check_known("CONSENT_OIDC_ASSERTION_AUDIENCE", settings.assertion_audience, ("issuer",))
        return PrivateKeyJwt(key)
    if not settings.client_secret:
        raise Misconfigured("CONSENT_OIDC_CLIENT_SECRET is not set")
    if method == "client_secret_post":
        return ClientSecretPost(settings.client_secret)
    return ClientSecretBasic(settings.client_secret)


def _key(settings: SignerProviderSettings) -> ClientKey | None:
    if not settings.client_key_file:
        return None
    try:
        pem = Path(settings.client_key_file).read_bytes()
    except OSError:
        raise Misconfigured("CONSENT_OIDC_CLIENT_KEY_FILE cannot be read") from None
    return ClientKey.from_pem(pem, settings.client_key_id)


def _check_known(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise Misconfigured(f"{name} is one of {', '.join(known)}")


def _json_texts(name: str, text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise Misconfigured(f"{name} is a JSON object of texts")
    return value
