"""From loaded bodies to the frozen commands that services take."""

from collections.abc import Mapping
from typing import Any

from consent_service.services.kernel.model import Employee

Loaded = Mapping[str, Any]


def employee(body: Loaded) -> Employee:
    """The employee behind the system."""
    named = body["performed_by"]
    return Employee(named["id"], named["name"])
