"""The shape of organisations and templates as they are sent."""

import re
from typing import Any, get_args

from marshmallow import Schema, fields

from consent_service.api.http.fields import (
    PHONE,
    EmailField,
    Pattern,
    Reference,
    Text,
    TrueFalse,
    language,
    list_of,
    one_of,
    slug,
)
from consent_service.services.catalogue.model import Confirmation


class Contact(Schema):
    """How a family reaches an organisation."""

    phone = Pattern(PHONE, "Not a phone number.", allow_none=True)
    email = EmailField(allow_none=True)


class Identifiers(Schema):
    """An organisation's registered numbers, all optional."""

    cvr = Pattern(re.compile(r"[0-9]{8}"), "Eight digits.")
    sor = Pattern(re.compile(r"[0-9]{6,18}"), "A SOR number.")
    ydernummer = Pattern(re.compile(r"[0-9]{6}"), "Six digits.")
    gln = Pattern(re.compile(r"[0-9]{13}"), "Thirteen digits.")


def _confirmation(**kwargs: Any) -> fields.String:
    """How what one employee of the organisation recorded is confirmed by another."""
    description = (
        "How papers, lifts and exemptions are confirmed. any: by another employee, whom a client "
        "may name. login: only by another login of staff, a client is refused."
    )
    return one_of(*get_args(Confirmation), metadata={"description": description}, **kwargs)


class OrganisationBody(Schema):
    """An organisation as a consent form names it."""

    id = slug(required=True)
    name = Reference(required=True)
    kind = one_of(
        "municipality",
        "child_psychiatry",
        "paediatrics",
        "general_practice",
        "other",
        required=True,
    )
    descriptions = fields.Dict(
        keys=language(), values=Reference(most=1000, lines=True), load_default=dict
    )
    contact = fields.Nested(Contact, load_default=dict)
    identifiers = fields.Nested(Identifiers, load_default=dict)
    confirmation = _confirmation(load_default="any")


class OrganisationChangeBody(Schema):
    """What of an organisation is changed."""

    confirmation = _confirmation(required=True)


class Labels(Schema):
    """A template's words for its slugs, in one language."""

    categories = fields.Dict(keys=slug(), values=Reference(most=300), required=True)
    purpose = Reference(most=500, required=True)


class TemplateText(Schema):
    """A template's text in one language."""

    title = Reference(most=200, required=True)
    body = Reference(most=8000, lines=True, required=True)
    voluntary = Reference(most=2000, lines=True, required=True)
    withdrawal = Reference(most=2000, lines=True, required=True)
    contact = Reference(most=2000, lines=True, required=True)
    privacy = Reference(most=4000, lines=True, required=True)


class TemplateBody(Schema):
    """A new version of a template."""

    id = slug(required=True)
    purpose = slug(
        required=True,
        metadata={"description": "A purpose that the operator of the service has registered."},
    )
    categories = list_of(
        slug(),
        required=True,
        metadata={"description": "Categories that the operator of the service has registered."},
    )
    signer_rule = one_of("all_holders_and_child_15", "child_15_alone", required=True)
    max_validity = Text(most=12, required=True)
    granular = TrueFalse(required=True)
    text_bound_login = TrueFalse(
        metadata={
            "description": "Each answer needs a login of its own, in which MitID shows it. "
            "Default: false."
        }
    )
    minimum_assurance = one_of(
        "substantial",
        "high",
        metadata={"description": "The least level of assurance of a login. Default: substantial."},
    )
    labels = fields.Dict(keys=language(), values=fields.Nested(Labels), required=True)
    texts = fields.Dict(keys=language(), values=fields.Nested(TemplateText), required=True)
