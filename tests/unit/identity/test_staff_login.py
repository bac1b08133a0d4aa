"""Whom verified claims speak of: whatever a provider may put into them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from consent_service.config import StaffRoleSettings, StaffSettings
from consent_service.errors import Misconfigured
from consent_service.identity.client_authentication import (
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
)
from consent_service.identity.client_settings import client_authentication, client_key
from consent_service.identity.staff_login import StaffLogin, staff_identity

ISSUER = "https://login.kommune-x.example"
SETTINGS = StaffSettings(
    issuer=ISSUER,
    client_id="consent",
    client_secret="made up",
    organisation="kommune-x",
    roles={"dpo": StaffRoleSettings("dpo", "kommune-x")},
    org_claim="org",
)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (["dpo", "op"], ("dpo", "op")),
        ("dpo", ("dpo",)),
        ("dpo op", ("dpo op",)),
        ([], ()),
        (None, ()),
        (["dpo", 7, None, ["op"], {"op": True}], ("dpo",)),
        ({"dpo": True}, ()),
        (True, ()),
    ],
)
@pytest.mark.parametrize("claim", ["roles", "org"])
def test_claims_are_a_text_or_a_list_of_texts(claim: str, value: Any, read: Any) -> None:
    identity = staff_identity({"sub": "s", claim: value}, SETTINGS)
    found = identity.role_values if claim == "roles" else identity.organisation_values
    assert found == read


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Dorthe Dahl"}, "Dorthe Dahl"),
        ({"name": "  Dorthe \n Dahl "}, "Dorthe Dahl"),
        ({"name": "", "preferred_username": "dd"}, "dd"),
        ({"name": 7, "preferred_username": "dd"}, "dd"),
        ({"name": "a\u202eb", "preferred_username": "dd"}, "dd"),
        ({"name": "x" * 300}, "x" * 200),
        ({}, "s"),
    ],
)
def test_the_name_that_is_shown(claims: dict[str, Any], name: str) -> None:
    member = staff_identity({"sub": "s", **claims}, SETTINGS).member
    assert (member.issuer, member.subject, member.name) == (ISSUER, "s", name)


def test_a_name_is_in_no_representation() -> None:
    identity = staff_identity({"sub": "secret-sub", "name": "Dorthe", "sid": "sid-1"}, SETTINGS)
    assert not any(text in repr(identity) for text in ("secret-sub", "Dorthe", "sid-1"))


def test_how_the_client_proves_itself(tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))

    def proof(**changes: Any) -> Any:
        settings = replace(SETTINGS, **changes)
        return client_authentication(settings, "X_", client_key(settings, "X_"))

    assert proof() == ClientSecretBasic("made up")
    assert proof(client_authentication="client_secret_post") == ClientSecretPost("made up")
    by_key = proof(client_authentication="private_key_jwt", client_key_file=str(file))
    assert isinstance(by_key, PrivateKeyJwt)
    assert (by_key.key.algorithm, by_key.audience) == ("ES256", "issuer")


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"client_authentication": "tls_client_auth"}, "CLIENT_AUTHENTICATION"),
        ({"client_authentication": "private_key_jwt"}, "CLIENT_KEY_FILE"),
        ({"client_key_file": "/nowhere"}, "CLIENT_KEY_FILE"),
        ({"client_secret": None}, "CLIENT_SECRET"),
    ],
    ids=str,
)
def test_a_client_that_cannot_prove_itself(changes: dict[str, Any], variable: str) -> None:
    with pytest.raises(Misconfigured, match=f"CONSENT_STAFF_OIDC_{variable}"):
        StaffLogin(replace(SETTINGS, **changes))
