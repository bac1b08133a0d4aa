"""From settings to a signers' provider: a broker's preset, and what the deployment overrides."""

import json
import re
from dataclasses import replace
from typing import get_args

from consent_service.config import OIDC, SignerProviderSettings
from consent_service.domain.kernel.assurance import RANKS
from consent_service.environment import Faults
from consent_service.errors import Misconfigured
from consent_service.identity.brokers import BROKERS, Broker, ClaimSource, TextStyle
from consent_service.identity.client_settings import check_known, note_client
from consent_service.identity.registration import OURS, Registration
from consent_service.identity.signer_claims import SignerProvider

_FORM_ORIGIN = re.compile(r"https?://(\*\.)?[a-zA-Z0-9.-]+(:[0-9]+)?", re.ASCII)


def signer_provider(settings: SignerProviderSettings) -> SignerProvider:
    """What the settings come to. Raises Misconfigured naming each variable that is wrong."""
    faults = Faults()
    broker = _overridden(_preset(settings, faults), settings, faults)
    authentication, key = note_client(settings, OIDC, faults, broker.authentication)
    faults.check()
    if authentication is None:
        raise Misconfigured(f"{OIDC}CLIENT_AUTHENTICATION cannot be used")
    return SignerProvider(
        registration=Registration(
            issuer=settings.issuer,
            client_id=settings.client_id,
            authentication=authentication,
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


def _preset(settings: SignerProviderSettings, faults: Faults) -> Broker:
    if settings.broker is not None:
        if settings.broker in BROKERS:
            return BROKERS[settings.broker]
        faults.note(f"{OIDC}BROKER is one of {', '.join(BROKERS)}")
    elif not settings.cpr_claim:
        # So it was said where it was read, if it was.
        faults.note(f"{OIDC}CPR_CLAIM is not set")
    return Broker(cpr_claim=settings.cpr_claim or "")


def _overridden(broker: Broker, settings: SignerProviderSettings, faults: Faults) -> Broker:
    """The preset with what the deployment says itself; what is wrong is noted."""
    for name, value, known in (
        ("CPR_FROM", settings.cpr_from, get_args(ClaimSource)),
        ("TEXT", settings.text, get_args(TextStyle)),
    ):
        with faults.noted():
            check_known(f"{OIDC}{name}", value, known)
    scopes = tuple(settings.scopes.split()) if settings.scopes else None
    if scopes is not None and "openid" not in scopes:
        faults.note(f"{OIDC}SCOPES must contain openid")
    origins = tuple(settings.form_origins.split()) if settings.form_origins else None
    if not all(_FORM_ORIGIN.fullmatch(one) for one in origins or ()):
        faults.note(f"{OIDC}FORM_ORIGINS are origins like https://*.mitid.dk, with spaces between")
    parameters = _json_texts("PARAMETERS", settings.parameters, faults)
    if taken := sorted(OURS & (parameters or {}).keys()):
        faults.note(f"{OIDC}PARAMETERS may not set {', '.join(taken)}")
    loas = _json_texts("LOA_VALUES", settings.loa_values, faults)
    if loas is not None and not set(loas.values()) <= RANKS.keys():
        faults.note(f"{OIDC}LOA_VALUES map to {', '.join(RANKS)}")
    given = {
        "cpr_claim": settings.cpr_claim,
        "cpr_from": settings.cpr_from,
        "loa_claim": settings.loa_claim,
        "acr_values": settings.acr_values,
        "text": settings.text,
        "scopes": scopes,
        "parameters": parameters,
        "accepted_loas": loas,
        "form_origins": origins,
    }
    # The names and types are Broker's own: checked above, and by mypy in `brokers`.
    changed: Broker = replace(broker, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]  # a mapping of several types
    return changed


def _parameters(broker: Broker) -> dict[str, str]:
    acr = {"acr_values": broker.acr_values} if broker.acr_values else {}
    return {**broker.parameters, **acr}


def _json_texts(name: str, text: str | None, faults: Faults) -> dict[str, str] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        faults.note(f"{OIDC}{name} is a JSON object of texts")
        return None
    return value
