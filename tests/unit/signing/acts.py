"""Terms and statements that tests change and seal."""

import hashlib
from datetime import UTC, date, datetime, timedelta

from consent_service.signing.keys import PublishedKey, SigningKey
from consent_service.signing.statement import (
    IdentityEvidence,
    Scope,
    Statement,
    person_commitment,
)
from consent_service.signing.terms import (
    NamedChild,
    NamedController,
    NamedParty,
    TemplateVersion,
    Terms,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
SIGNED = datetime(2026, 3, 1, 12, 30, 15, 250, tzinfo=UTC)
SEAL_KEY = SigningKey.from_seed(b"\x03" * 32, "seal")
SALT = b"\x07" * 32
CPR = "0101111234"
TEXT = "Må de tale sammen om Ida?"

TERMS = Terms(
    consent="consent-1",
    controller=NamedController("org-1", "Syddjurs Kommune"),
    parties=(
        NamedParty("org-1", "Syddjurs Kommune", {"da": "Skole, PPR og sundhedsplejen"}),
        NamedParty("org-2", "BUA Østjylland", {"da": "Børnepsykiatrien", "ar": "الطب النفسي"}),
    ),
    child=NamedChild("2412131234", "Ida Ærø", date(2013, 12, 24)),
    purpose="joint_discussion",
    categories=("earlier_measures", "health"),
    signer_rule="all_holders_and_child_15",
    max_validity="P1Y",
    template=TemplateVersion("template-1", 3, "ab" * 32),
)


def identity(**changes):
    return IdentityEvidence(
        **{
            "issuer": "https://broker.example.dk",
            "subject": "5f1c",
            "loa": "substantial",
            "time": SIGNED - timedelta(minutes=3),
            "id_token_sha256": "cd" * 32,
        }
        | changes
    )


def statement(**changes):
    return Statement(
        **{
            "terms_sha256": TERMS.sha256_hex,
            "consent": "consent-1",
            "signatory": "signatory-1",
            "role": "custody_holder",
            "person_commitment": person_commitment(SALT, CPR),
            "decision": "grant",
            "scope": Scope(("org-1", "org-2"), ("health",)),
            "language": "da",
            "text_sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
            "time": SIGNED,
            "identity": identity(),
        }
        | changes
    )


def published(key=SEAL_KEY, **changes):
    life = {"not_before": START, **changes}
    return PublishedKey(key.kid, key.use, key.public, **life)
