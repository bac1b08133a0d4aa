"""Public keys of others: what may never verify anything."""

import pytest

from consent_service.identity.public_keys import UnusableKey, pinned, public_members
from consent_service.signing import base64url
from tests.unit.signing.test_keys import KEY, SMALL_ORDER


def jwk(public: bytes) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(public)}


def test_a_sound_key_is_taken() -> None:
    assert pinned(jwk(KEY.public)).algorithm_name == "EdDSA"


@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_a_point_of_small_order_is_no_key(encoded: str) -> None:
    for read in (pinned, public_members):
        with pytest.raises(UnusableKey):
            read(jwk(bytes.fromhex(encoded)))
