"""The shape of what is recorded from a paper."""

from marshmallow import Schema, fields

from consent_service.api.http.fields import (
    SHA256,
    DateField,
    FreeText,
    Pattern,
    Reference,
    Text,
    list_of,
    one_of,
    slug,
)
from consent_service.api.http.schemas import ChildCpr, PerformedBy, PerformedByBody


class PaperScope(Schema):
    """What a narrower grant keeps."""

    parties = list_of(slug(), required=True)
    categories = list_of(slug(), required=True)


class PaperDocument(Schema):
    """Where the signed paper is filed, and the SHA-256 of its scan."""

    reference = Reference(required=True)
    sha256 = Pattern(SHA256, "64 lower-case hexadecimal digits.", required=True)


class PaperBody(Schema):
    """What somebody signed on paper, and how an employee knew who it was."""

    signatory = Text(most=64, required=True)
    decision = one_of("grant", "decline", required=True)
    scope = fields.Nested(PaperScope, allow_none=True, load_default=None)
    signed_on = DateField(required=True)
    document = fields.Nested(PaperDocument, required=True)
    identity_checked = FreeText(required=True)
    performed_by = fields.Nested(PerformedBy, required=True)


class LiftBody(Schema):
    """That somebody takes their own no back, as signed on paper."""

    signatory = Text(most=64, required=True)
    signed_on = DateField(required=True)
    document = fields.Nested(PaperDocument, required=True)
    identity_checked = FreeText(required=True)
    performed_by = fields.Nested(PerformedBy, required=True)


class PaperRejectionBody(PerformedByBody):
    """What was wrong with a paper that nobody has confirmed."""

    note = FreeText(most=2000, allow_none=True, load_default=None)


class WithdrawalBody(Schema):
    """Who withdrew, and how they said so."""

    signatory = Text(most=64, required=True)
    channel = one_of("oral", "letter", required=True)
    note = FreeText(most=2000, allow_none=True, load_default=None)
    performed_by = fields.Nested(PerformedBy, required=True)


class WithdrawalToldBody(Schema):
    """Who says stop about which child, and how they said so."""

    child = fields.Nested(ChildCpr, required=True)
    signer = fields.Nested(ChildCpr, required=True)
    purpose = slug(allow_none=True, load_default=None)
    channel = one_of("oral", "letter", required=True)
    note = FreeText(most=2000, allow_none=True, load_default=None)
    performed_by = fields.Nested(PerformedBy, required=True)
