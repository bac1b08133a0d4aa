"""The shape of what is sent about consents. Rules live in the domain; here is only shape."""

from marshmallow import Schema, fields, validate

from consent_service.api.http.fields import (
    PHONE,
    DateField,
    EmailField,
    FreeText,
    InstantField,
    PageBody,
    PageQuery,
    Pattern,
    Reference,
    Text,
    TrueFalse,
    language,
    list_of,
    one_of,
    slug,
)
from consent_service.api.http.schemas import ChildCpr, PerformedBy
from consent_service.domain.consents.state import Status
from consent_service.domain.kernel.facts import CancellationReason, ExemptionReason

STATUSES = [status.value for status in Status]


class Child(ChildCpr):
    """The child a consent is about."""

    name = Reference(required=True)
    birth_date = DateField(allow_none=True, load_default=None)
    email = EmailField(allow_none=True, load_default=None)
    phone = Pattern(PHONE, "Not a phone number.", allow_none=True, load_default=None)
    language = language(load_default="da")
    name_protected = TrueFalse(load_default=False)


class Holder(ChildCpr):
    """A custody holder or guardian."""

    name = Reference(required=True)
    role = one_of("parent", "guardian", required=True)
    email = EmailField(allow_none=True, load_default=None)
    phone = Pattern(PHONE, "Not a phone number.", allow_none=True, load_default=None)
    language = language(load_default="da")
    name_protected = TrueFalse(load_default=False)


class Custody(Schema):
    """The custody facts, with their source and date."""

    source = FreeText(most=64, required=True)
    as_of = DateField(required=True)
    holders = fields.List(fields.Nested(Holder), required=True, validate=validate.Length(max=10))


class ConsentRequestBody(Schema):
    """A request for consent."""

    template = slug(required=True)
    case_reference = Reference(most=100, required=True)
    renews = Text(most=64, allow_none=True, load_default=None)
    child = fields.Nested(Child, required=True)
    custody = fields.Nested(Custody, required=True)
    parties = list_of(slug(), required=True)
    categories = list_of(slug(), required=True)
    deadline = DateField(allow_none=True, load_default=None)
    delivery = one_of("caller", "service", required=True)
    performed_by = fields.Nested(PerformedBy, required=True)


class ConsentSearchBody(PageBody):
    """A search by child."""

    child = fields.Nested(ChildCpr, required=True)


class ConsentQuery(PageQuery):
    """Which consents to list."""

    status = one_of(*STATUSES)
    case_reference = Reference(most=100)
    deadline_before = DateField(recorded=False)
    expires_before = InstantField()


class LinksBody(Schema):
    """For whom to make new links."""

    signatories = list_of(Text(most=64))
    performed_by = fields.Nested(PerformedBy, required=True)


class CancellationBody(Schema):
    """Why a request is taken back."""

    reason = one_of(*CancellationReason, required=True)
    note = FreeText(most=2000, allow_none=True, load_default=None)
    performed_by = fields.Nested(PerformedBy, required=True)


class ExemptionBody(Schema):
    """Why a holder need not sign."""

    signatory = Text(most=64, required=True)
    reason = one_of(*ExemptionReason, required=True)
    provision = FreeText(required=True)
    evidence_reference = Reference(required=True)
    valid_until = DateField(allow_none=True, load_default=None)
    note = FreeText(most=2000, allow_none=True, load_default=None)
    performed_by = fields.Nested(PerformedBy, required=True)


class ReconfirmationBody(Schema):
    """That a controller's own records of a child agree, and what that rests on."""

    basis = FreeText(most=2000, required=True)
    performed_by = fields.Nested(PerformedBy, required=True)


class CustodyChangeBody(Schema):
    """A custody change found in the register."""

    child = fields.Nested(ChildCpr, required=True)
    custody = fields.Nested(Custody, required=True)
    effective_from = DateField(required=True)
    corrects = Text(most=64, allow_none=True, load_default=None)
    performed_by = fields.Nested(PerformedBy, required=True)
