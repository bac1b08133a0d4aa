"""The shape of the answers about organisations and templates."""

from typing import get_args

from consent_service.api.http.shapes import INSTANT, SHA, TEXT, Json, list_of, object_of, page_of
from consent_service.domain.kernel.facts import SignerRule
from consent_service.services.catalogue.model import Confirmation

ANSWERS: dict[str, Json] = {
    "Organisation": object_of(
        {
            "id": TEXT,
            "name": TEXT,
            "kind": TEXT,
            "descriptions": {"type": "object"},
            "contact": {"type": "object"},
            "identifiers": {"type": "object"},
            "confirmation": {"enum": list(get_args(Confirmation))},
        }
    ),
    "OrganisationPage": page_of("Organisation"),
    "Template": object_of(
        {
            "id": TEXT,
            "organisation": TEXT,
            "version": {"type": "integer"},
            "sha256": SHA,
            "published_at": INSTANT,
            "purpose": TEXT,
            "categories": list_of(TEXT),
            "signer_rule": {"enum": [rule.value for rule in SignerRule]},
            "max_validity": TEXT,
            "granular": {"type": "boolean"},
            "labels": {"type": "object"},
            "texts": {"type": "object"},
        },
        {"text_bound_login": {"const": True}, "minimum_assurance": {"const": "high"}},
    ),
    "TemplatePage": page_of("Template"),
}
