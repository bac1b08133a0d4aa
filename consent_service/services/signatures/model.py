"""A browser that followed a link, and a statement that was sealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_service.services.consents.model import Link


@dataclass(frozen=True)
class SigningSession:
    """A browser that followed a link; `content` is what its login has come to, opened."""

    link: Link
    created_at: datetime
    content: bytes | None


@dataclass(frozen=True)
class FiledStatement:
    """A sealed statement with its evidence, from the controller's evidence file."""

    sha256: str
    consent: str
    signatory: str
    entry: str
    seal: str
    evidence: Mapping[str, Any]
