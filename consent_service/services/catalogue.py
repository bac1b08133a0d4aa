"""Register organisations, and publish the templates they ask with."""

import hashlib
from collections.abc import Mapping
from typing import Any

from consent_service.domain.kernel.validity import InvalidValidity, ValidityTooLong, parse_validity
from consent_service.errors import Conflict, FieldError, InvalidInput
from consent_service.services.context import Context
from consent_service.services.journal import Event
from consent_service.services.model import Caller, Organisation, TemplateVersion
from consent_service.services.ports import UnitOfWork
from consent_service.signing.canonical import canonical_json


def register_organisation(
    uow: UnitOfWork, context: Context, caller: Caller, organisation: Organisation
) -> None:
    """Add an organisation to the deployment. Raises Conflict when its id is taken."""
    if uow.catalogue.has_organisation(organisation.id):
        raise Conflict("already_exists", "An organisation with this id exists.")
    now = context.clock()
    uow.catalogue.add_organisation(organisation, now)
    event = Event.by(
        caller,
        "organisation_registered",
        organisation.id,
        details={"name": organisation.name, "kind": organisation.kind},
    )
    context.journal.write(uow, event, now)


def publish_template(
    uow: UnitOfWork, context: Context, caller: Caller, content: Mapping[str, Any]
) -> TemplateVersion:
    """Publish the next version of a template, immutable from now on.

    Raises InvalidInput: a language without all its words, or `validity_too_long`.
    """
    _check(content)
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
    uow.catalogue.add_template(template)
    event = Event.by(
        caller,
        "template_published",
        caller.organisation,
        details={"template": template.id, "version": version, "sha256": digest},
    )
    context.journal.write(uow, event, now)
    return template


_DEFAULTS = {"text_bound_login": False, "minimum_assurance": "substantial"}


def _without_defaults(content: Mapping[str, Any]) -> dict[str, Any]:
    """Optional members only where they say something: the hash of older templates stays."""
    return {k: v for k, v in content.items() if k not in _DEFAULTS or v != _DEFAULTS[k]}


def _check(content: Mapping[str, Any]) -> None:
    errors = []
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
