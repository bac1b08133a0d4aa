"""The MitID brokers' dialects of OpenID Connect, as data: what each calls things, and where.

`{level}` stands for the level of assurance that is asked for. Read from the brokers' public pages
in 2026; a deployment overrides whatever its own agreement says differently (`broker_settings`).

Idura Verify (once Criipto): docs.idura.app, "Danish MitID" (CPR with the scope `ssn`, levels in
`acr_values`, messages of 130 characters), "Using OpenID Connect" (`login_hint=action:… message:…`
in base64, secrets form-encoded inside Basic), "Private key JWT authentication" (audience: the
issuer). The pages do not show the claim with the level of assurance; `acr` is our assumption.

Signaturgruppen Broker (Nets eID Broker): signaturgruppen-a-s.github.io/signaturgruppen-broker-
documentation, "MitID" (`idp_values`, `idp_params` with `loa_value`, base64 `reference_text` of 130
characters and `action_text`; `loa` in the ID token; `dk.cpr` with the scope `ssn`) and "Issued
claims and tokens" (the ID token lacks the person's claims: they come from userinfo).

Signicat eID and Wallet Hub: developer.signicat.com, "OpenID Connect" of MitID (scopes, and
`acr_values=idp:mitid`), "Levels of assurance" (`loa:{level}`), "Attributes reference" (`nin`), and
"Transaction consent" (an add-on: the text goes into a signed request object). That the text is
`mitid_reference_text` inside `acr_values`, that `nin` comes from userinfo unless the client is set
to put all data into the ID token, and that `acr` is the bare level, is not on those pages; others
who observed the sandbox wrote it down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

ClaimSource = Literal["id_token", "userinfo"]
TextStyle = Literal["login_hint", "idp_params", "acr_values", "none"]
AuthenticationMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]

_NSIS = "https://data.gov.dk/concept/core/nsis/"
MITID_LOAS: Mapping[str, str] = MappingProxyType(
    {
        "urn:grn:authn:dk:mitid:substantial": "substantial",
        "urn:grn:authn:dk:mitid:high": "high",
        f"{_NSIS}Substantial": "substantial",
        f"{_NSIS}High": "high",
    }
)
"""The accepted levels of assurance as Danish brokers write them."""

MITID_PAGES = "https://*.mitid.dk"


@dataclass(frozen=True)
class Broker:
    """One dialect. `form_origins` are where the browser passes on its way, beside the issuer.

    `text` is how a text to approve is carried: in `login_hint`, as `reference_text` in
    `idp_params`, as `mitid_reference_text` in `acr_values`, or not at all. `signs_text` wants the
    request signed then.
    """

    cpr_claim: str
    cpr_from: ClaimSource = "id_token"
    loa_claim: str = "acr"
    accepted_loas: Mapping[str, str] = field(default_factory=lambda: MITID_LOAS)
    scopes: tuple[str, ...] = ("openid",)
    acr_values: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    authentication: AuthenticationMethod = "client_secret_basic"
    text: TextStyle = "none"
    signs_text: bool = False
    form_origins: tuple[str, ...] = ()


BROKERS: Mapping[str, Broker] = MappingProxyType(
    {
        "idura": Broker(
            cpr_claim="cprNumberIdentifier",
            scopes=("openid", "ssn"),
            acr_values="urn:grn:authn:dk:mitid:{level}",
            text="login_hint",
            form_origins=(MITID_PAGES,),
        ),
        "signaturgruppen": Broker(
            cpr_claim="dk.cpr",
            cpr_from="userinfo",
            loa_claim="loa",
            scopes=("openid", "mitid", "ssn"),
            parameters={
                "idp_values": "mitid",
                "idp_params": '{"mitid":{"loa_value":"{level}"}}',
            },
            text="idp_params",
            form_origins=(MITID_PAGES,),
        ),
        "signicat": Broker(
            cpr_claim="nin",
            cpr_from="userinfo",
            accepted_loas=MappingProxyType({"substantial": "substantial", "high": "high"}),
            scopes=("openid", "nin"),
            acr_values="idp:mitid loa:{level}",
            text="acr_values",
            signs_text=True,
            form_origins=(MITID_PAGES, "https://*.signicat.com"),
        ),
    }
)
"""The presets, by the name that CONSENT_OIDC_BROKER and the redirect address use."""
