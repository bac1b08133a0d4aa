"""The shape of disclosures, of questions about them, and of their outcome, as they are sent."""

from marshmallow import Schema, fields, validate

from consent_service.api.http.fields import (
    MEDIA_TYPE,
    SHA256,
    DateField,
    FreeText,
    InstantField,
    Pattern,
    Reference,
    one_of,
    slug,
)
from consent_service.api.http.schemas import ChildCpr, PerformedBy


class FamilyVisibility(Schema):
    """From when the family sees it, and why not sooner."""

    visible_from = DateField(required=True, data_key="from")
    reason = FreeText(most=1000, required=True)


class LegalBasisBody(Schema):
    """By what right something is passed on (R5, R6)."""

    type = one_of(
        "consent",
        "current_treatment",
        "other_statute",
        "notification_duty",
        "vital_interest",
        "oral_consent",
        required=True,
    )
    provision = FreeText(most=300)
    justification = FreeText(most=4000)
    family_visibility = fields.Nested(
        FamilyVisibility, metadata={"description": "Postpone showing it to the family."}
    )


class Document(Schema):
    """A reference to what is sent, never its content."""

    reference = Reference(most=200, required=True)
    sha256 = Pattern(SHA256, "64 lower-case hexadecimal digits.", required=True)
    media_type = Pattern(MEDIA_TYPE, "A media type such as application/pdf.", required=True)


class QuestionBody(Schema):
    """What would pass, about whom and from whom to whom."""

    child = fields.Nested(ChildCpr, required=True)
    sender = slug(required=True)
    recipient = slug(required=True)
    purpose = slug(required=True)
    categories = fields.List(slug(), required=True, validate=validate.Length(1, 50))
    legal_basis = fields.Nested(LegalBasisBody, required=True)
    performed_by = fields.Nested(PerformedBy, required=True)


class DisclosureBody(QuestionBody):
    """A disclosure about to be made."""

    channel = one_of("document", "meeting", "phone", required=True)
    document = fields.Nested(Document, allow_none=True, load_default=None)


class DecisionBody(QuestionBody):
    """A question without a disclosure."""

    as_of = InstantField(allow_none=True, load_default=None)


class OutcomeBody(Schema):
    """Whether a disclosure was carried out."""

    outcome = one_of("sent", "not_sent", required=True)
    performed_by = fields.Nested(PerformedBy, required=True)
