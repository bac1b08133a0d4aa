"""From settings to a signers' provider: a broker's preset, and what the deployment overrides."""

import json
from dataclasses import replace
from typing import get_args

from consent_service.config import SignerProviderSettings
from consent_service.errors import Misconfigured
from consent_service.identity.brokers import BROKERS, Broker, ClaimSource, TextStyle
from consent_service.identity.client_settings import (
    check_known,
    client_authentication,
    client_key,
)
from consent_service.identity.registration import Registration
from consent_service.identity.signer_claims import SignerProvider

_VARIABLES = "CONSENT_OIDC_"


def signer_provider(settings: SignerProviderSettings) -> SignerProvider:
    """What the settings come to. Raises Misconfigured naming the variable."""
    broker = _overridden(_preset(settings), settings)
    key = client_key(settings, _VARIABLES)
    return SignerProvider(
        registration=Registration(
            issuer=settings.issuer,
            client_id=settings.client_id,
            authentication=client_authentication(settings, _VARIABLES, key, broker.authentication),
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
    check_known("CONSENT_OIDC_CPR_FROM", settings.cpr_from, get_args(ClaimSource))
    check_known("CONSENT_OIDC_TEXT", settings.text, get_args(TextStyle))
    given = {
        "cpr_claim": settings.cpr_claim,
        "cpr_from": settings.cpr_from,
        "loa_claim": settings.loa_claim,
        "acr_values": settings.acr_values,
        "text": settings.text,
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
