"""Organisations and templates over HTTP."""

from typing import Any

from consent_service.api.catalogue import schemas
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.http.fields import PageQuery
from consent_service.errors import NotFound
from consent_service.services.catalogue.change_organisation import set_confirmation
from consent_service.services.catalogue.model import Organisation, TemplateVersion
from consent_service.services.catalogue.publish_template import publish_template
from consent_service.services.catalogue.register_organisation import register_organisation
from consent_service.signing.canonical import instant_text

LARGEST_VERSION = 2**31 - 1


def create_organisation(call: Call) -> Reply:
    """POST /v1/organisations."""
    organisation = Organisation(**call.body)
    register_organisation(call.uow, call.context, call.caller, organisation)
    return Reply(201, _organisation(organisation))


def get_organisations(call: Call) -> Reply:
    """GET /v1/organisations."""
    limit = call.query["limit"]
    after = call.cursors.open(call.query.get("cursor"))
    found = call.uow.catalogue.organisations(after, limit + 1)
    page = found[:limit]
    last = page[-1].id if len(found) > limit else None
    return Reply(200, {"items": [_organisation(o) for o in page], "next": call.cursors.seal(last)})


def get_organisation(call: Call) -> Reply:
    """GET /v1/organisations/{id}."""
    organisation = call.uow.catalogue.organisation(call.path["organisation_id"])
    if organisation is None:
        raise NotFound("There is no such organisation.")
    return Reply(200, _organisation(organisation))


def change_organisation(call: Call) -> Reply:
    """PATCH /v1/organisations/{id}."""
    changed = set_confirmation(
        call.uow,
        call.context,
        call.caller,
        call.path["organisation_id"],
        call.body["confirmation"],
    )
    return Reply(200, _organisation(changed))


def create_template(call: Call) -> Reply:
    """POST /v1/templates."""
    return Reply(201, _template(publish_template(call.uow, call.context, call.caller, call.body)))


def get_templates(call: Call) -> Reply:
    """GET /v1/templates."""
    limit = call.query["limit"]
    after = call.cursors.open(call.query.get("cursor"))
    found = call.uow.catalogue.templates(call.caller.organisation, after, limit + 1)
    page = found[:limit]
    last = page[-1].id if len(found) > limit else None
    return Reply(200, {"items": [_template(t) for t in page], "next": call.cursors.seal(last)})


def get_template(call: Call) -> Reply:
    """GET /v1/templates/{id}[/versions/{n}]."""
    return Reply(200, _template(_found(call, None)))


def get_template_version(call: Call) -> Reply:
    """GET /v1/templates/{id}/versions/{n}."""
    return Reply(200, _template(_found(call, call.path["version"])))


def _found(call: Call, version: int | None) -> TemplateVersion:
    template = None
    if version is None or version <= LARGEST_VERSION:
        template = call.uow.catalogue.template(
            call.caller.organisation, call.path["template_id"], version
        )
    if template is None:
        raise NotFound("Your organisation has no such template.")
    return template


def _organisation(organisation: Organisation) -> dict[str, Any]:
    return {
        "id": organisation.id,
        "name": organisation.name,
        "kind": organisation.kind,
        "descriptions": dict(organisation.descriptions),
        "contact": dict(organisation.contact),
        "identifiers": dict(organisation.identifiers),
        "confirmation": organisation.confirmation,
    }


def _template(template: TemplateVersion) -> dict[str, Any]:
    return {
        **template.content,
        "sha256": template.sha256,
        "published_at": instant_text(template.published_at),
    }


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/organisations",
        "organisations:write",
        "Register an organisation",
        create_organisation,
        {201: "Organisation", 409: "Problem"},
        body=schemas.OrganisationBody,
        idempotency="optional",
        tag="Organisations and templates",
    ),
    Endpoint(
        "GET",
        "/v1/organisations",
        "consents:read",
        "List organisations",
        get_organisations,
        {200: "OrganisationPage"},
        query=PageQuery,
        tag="Organisations and templates",
    ),
    Endpoint(
        "GET",
        "/v1/organisations/<organisation_id>",
        "consents:read",
        "One organisation",
        get_organisation,
        {200: "Organisation", 404: "Problem"},
        tag="Organisations and templates",
    ),
    Endpoint(
        "PATCH",
        "/v1/organisations/<organisation_id>",
        "organisations:write",
        "Change an organisation",
        change_organisation,
        {200: "Organisation", 404: "Problem"},
        body=schemas.OrganisationChangeBody,
        tag="Organisations and templates",
    ),
    Endpoint(
        "POST",
        "/v1/templates",
        "templates:write",
        "Publish a version of a template",
        create_template,
        {201: "Template"},
        body=schemas.TemplateBody,
        idempotency="optional",
        tag="Organisations and templates",
    ),
    Endpoint(
        "GET",
        "/v1/templates",
        "consents:read",
        "List your templates",
        get_templates,
        {200: "TemplatePage"},
        query=PageQuery,
        tag="Organisations and templates",
    ),
    Endpoint(
        "GET",
        "/v1/templates/<template_id>",
        "consents:read",
        "The newest version of a template",
        get_template,
        {200: "Template", 404: "Problem"},
        tag="Organisations and templates",
    ),
    Endpoint(
        "GET",
        "/v1/templates/<template_id>/versions/<int:version>",
        "consents:read",
        "One version of a template",
        get_template_version,
        {200: "Template", 404: "Problem"},
        tag="Organisations and templates",
    ),
]
