"""Makes tokens, good and bad, for one service with two external issuers."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_service.signing import base64url

HERE = "https://consent.example"
KEYCLOAK = "https://login.kommune.example/realms/x"
ENTRA = "https://login.entra.example/tenant/v2.0"

RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())


def rsa_jwk(key: rsa.RSAPrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    members: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"kty": members["kty"], "n": members["n"], "e": members["e"], "kid": kid, **more}


def ec_jwk(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    members: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**{name: members[name] for name in ("kty", "crv", "x", "y")}, "kid": kid}


def ed_jwk(key: Ed25519PrivateKey, kid: str) -> dict[str, Any]:
    x = base64url.encode(key.public_key().public_bytes_raw())
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid}


KEYCLOAK_ISSUER: dict[str, Any] = {
    "issuer": KEYCLOAK,
    "jwks_file": "keycloak.json",
    "audience": HERE,
    "algorithms": ["RS256", "ES256"],
    "typ": "JWT",
    "client_claim": "azp",
    "organisation": {"claim": "azp", "values": {"case-system": "municipality-x"}},
    "scopes": {
        "claim": ["realm_access", "roles"],
        "values": {"caseworker": ["consents:read", "consents:write"], "dpo": ["audit:read"]},
    },
}
ENTRA_ISSUER: dict[str, Any] = {
    "issuer": ENTRA,
    "jwks_file": "entra.json",
    "audience": "api://consent",
    "algorithms": ["RS256"],
    "typ": "JWT",
    "client_claim": "azp",
    "organisation": {"claim": "tid", "values": {"tenant": "gp-y"}},
    "scopes": {"claim": "roles", "values": {"Disclose": ["disclosures:write"]}},
}


def write_issuers(folder: Path, *issuers: Mapping[str, Any]) -> Path:
    """The operator's file with these issuers (both, unless told), and their key sets beside it."""
    sets = {
        "keycloak.json": [rsa_jwk(RSA, "rsa", alg="RS256"), ec_jwk(EC, "ec")],
        "entra.json": [rsa_jwk(OTHER_RSA, "rsa", use="sig")],
    }
    for name, keys in sets.items():
        (folder / name).write_text(json.dumps({"keys": keys}))
    path = folder / "issuers.json"
    path.write_text(json.dumps(issuers or [KEYCLOAK_ISSUER, ENTRA_ISSUER]))
    return path


def keycloak_claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": KEYCLOAK,
        "aud": [HERE, "account"],
        "sub": "service-account",
        "azp": "case-system",
        "realm_access": {"roles": ["caseworker", "offline_access"]},
        "iat": now,
        "exp": now + 300,
    }
    return {k: v for k, v in {**claims, **changes}.items() if v is not None}


def keycloak_token(
    key: Any = RSA, alg: str = "RS256", header: Mapping[str, Any] = {}, **changes: Any
) -> str:
    headers = {"typ": "JWT", "kid": "ec" if key is EC else "rsa", **header}
    return jwt.encode(keycloak_claims(**changes), key, algorithm=alg, headers=headers)


def entra_token(key: Any = OTHER_RSA, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": ENTRA,
        "aud": "api://consent",
        "sub": "object-id",
        "azp": "0f3c-app",
        "tid": "tenant",
        "roles": ["Disclose"],
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        **changes,
    }
    return jwt.encode(claims, key, algorithm="RS256", headers={"typ": "JWT", "kid": "rsa"})
