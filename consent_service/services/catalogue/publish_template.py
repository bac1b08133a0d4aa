"""Publish the templates that organisations ask with, each version for good."""

import hashlib
from collections.abc import Mapping
from typing import Any

from consent_service.domain.kernel.validity import InvalidValidity, ValidityTooLong, parse_validity
from consent_service.errors import FieldError, InvalidInput
from consent_service.services.catalogue.model import TEMPLATE_PUBLISHED, TemplateVersion
from consent_service.services.catalogue.ports import CatalogueUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller
from consent_service.signing.canonical import canonical_json


def publish_template(
    uow: CatalogueUnit, context: Context, caller: Caller, content: Mapping[str, Any]
) -> TemplateVersion:
    """Publish the next version of a template, immutable from now on.

    Raises InvalidInput: a purpose or category that the operator has not registered (R5g), a
    language without all its words, or `validity_too_long`.
    """
    _check(content, _unregistered(uow, content))
    now = context.clock()
    newest = uow.catalogue.template(caller.organisation, content["id"])
    version = newest.version + 1 if newest else 1
    kept = {
        **_without_defaults(content),
        "categories": sorted(content["categories"]),
        "organisation": caller.organisation,
        "version": version,
    }
    digest = hashlib.sha256(canonical_json(kept)).hexdigest()
    template = TemplateVersion(caller.organisation, content["id"], version, kept, digest, now)
    event = Event.by(
        caller, TEMPLATE_PUBLISHED, caller.organisation, details=template.as_published()
    )
    prepared = context.journal.write(uow, event, now)
    uow.catalogue.add_template(template, prepared.entry.id)
    return template


_DEFAULTS = {"text_bound_login": False, "minimum_assurance": "substantial"}


def _without_defaults(content: Mapping[str, Any]) -> dict[str, Any]:
    """Optional members only where they say something: the hash of older templates stays."""
    return {k: v for k, v in content.items() if k not in _DEFAULTS or v != _DEFAULTS[k]}


def _unregistered(uow: CatalogueUnit, content: Mapping[str, Any]) -> list[FieldError]:
    """Whatever the operator's register lacks."""
    detail = "The operator has not registered this."
    purposes = {one.id for one in uow.register.purposes()}
    categories = {one.id for one in uow.register.categories()}
    errors = [] if content["purpose"] in purposes else [FieldError("/purpose", detail)]
    return errors + [
        FieldError(f"/categories/{position}", detail)
        for position, one in enumerate(content["categories"])
        if one not in categories
    ]


def _check(content: Mapping[str, Any], errors: list[FieldError]) -> None:
    """Every broken field, `errors` among them. Raises InvalidInput."""
    try:
        parse_validity(content["max_validity"])
    except ValidityTooLong as error:
        raise InvalidInput.field("/max_validity", error.detail, error.code) from None
    except InvalidValidity as error:
        errors.append(FieldError("/max_validity", error.detail))
    categories = set(content["categories"])
    if not categories or len(categories) < len(content["categories"]):
        errors.append(FieldError("/categories", "At least one category, each once."))
    if not content["texts"]:
        errors.append(FieldError("/texts", "At least one language."))
    for language in sorted(set(content["texts"]) | set(content["labels"])):
        if language not in content["texts"]:
            errors.append(FieldError(f"/texts/{language}", "This language has no text."))
        labels = content["labels"].get(language)
        if labels is None:
            errors.append(FieldError(f"/labels/{language}", "This language has no labels."))
        elif set(labels["categories"]) != categories:
            detail = "Every category, and no other, has its words."
            errors.append(FieldError(f"/labels/{language}/categories", detail))
    if errors:
        raise InvalidInput(errors)
