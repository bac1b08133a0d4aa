"""The shape of what the operator sends and gets about clients."""

import re
from typing import Any

from marshmallow import Schema, fields, validate

from consent_service.api.http.fields import Pattern, Text, list_of, one_of, slug
from consent_service.services.access.client import MOST_KEYS, SCOPES

KID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
AUTH_METHODS = ("private_key_jwt", "client_secret")


class JwkBody(Schema):
    """A public key (RFC 7517): Ed25519, P-256, or RSA from 2048 bits. Never a private one."""

    kty = one_of("OKP", "EC", "RSA", required=True)
    crv = one_of("Ed25519", "P-256")
    x = Text(most=100)
    y = Text(most=100)
    n = Text(most=1400)
    e = Text(most=16)
    kid = Pattern(KID, "1 to 64 letters, digits, _ and -; left out: the RFC 7638 thumbprint.")
    alg = one_of("EdDSA", "ES256", "RS256", "PS256")
    use = one_of("sig")


class JwksBody(Schema):
    """A set of public keys."""

    keys = list_of(fields.Nested(JwkBody), most=MOST_KEYS, required=True)


def _scopes() -> Any:
    some = validate.Length(1, len(SCOPES))
    return fields.List(one_of(*SCOPES), required=True, validate=some)


class ClientBody(Schema):
    """A system that may ask for tokens."""

    id = slug(required=True)
    organisation = slug(required=True)
    scopes = _scopes()
    auth_method = one_of(*AUTH_METHODS, load_default="private_key_jwt")
    jwks = fields.Nested(JwksBody, allow_none=True, load_default=None)


class ScopesBody(Schema):
    """All that a client may ask for from now on."""

    scopes = _scopes()


class NothingBody(Schema):
    """An empty object."""


class RevocationBody(Schema):
    """Any client of any issuer; without `issuer`, of this service's own tokens."""

    client = Text(most=255, required=True)
    issuer = Text(most=255, allow_none=True, load_default=None)
    organisation = slug(required=True, metadata={"description": "Whose system it is."})
