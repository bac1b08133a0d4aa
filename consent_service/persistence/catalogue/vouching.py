"""Whether an entry's body says what the row that names it holds; asked at use and by verification.

Who can write rows but has no key can seal no body. So what such a body vouches for was written by
the service, and a row without one was not.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.engine import Row

from consent_service.services.catalogue.model import TEMPLATE_PUBLISHED

Vouching = Callable[[str, str], Mapping[str, Any] | None]
"""The opened body of an entry in an organisation's log; None where there is none."""


def is_vouched_for(template: Row[Any], body: Mapping[str, Any]) -> bool:
    """Whether a row of `template_version` holds what its organisation published."""
    published = {
        "type": TEMPLATE_PUBLISHED,
        "organisation": template.organisation_id,
        "template": template.id,
        "version": template.version,
        "sha256": hashlib.sha256(template.content).hexdigest(),
    }
    return published["sha256"] == template.sha256 and published.items() <= body.items()
