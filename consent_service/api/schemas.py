"""The shape of every body and answer. Rules live in the domain; here is only shape."""

import re
from typing import Any

from marshmallow import Schema, fields, validate

from consent_service.api.fields import (
    PHONE,
    SHA256,
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
from consent_service.domain.consent import Status

STATUSES = [status.value for status in Status]


def cpr(**kwargs: Any) -> Text:
    """A CPR or replacement number; whether it is one is the domain's to say."""
    return Text(most=20, metadata={"example": "070761-4285"}, **kwargs)


class PerformedBy(Schema):
    """The employee behind the system."""

    id = Reference(most=64, required=True)
    name = FreeText(required=True)


class ChildCpr(Schema):
    """A child by its number alone."""

    cpr = cpr(required=True)


class Child(ChildCpr):
    """The child a consent is about."""

    name = Text(required=True)
    birth_date = DateField(allow_none=True, load_default=None)
    email = EmailField(allow_none=True, load_default=None)
    phone = Pattern(PHONE, "Not a phone number.", allow_none=True, load_default=None)
    language = language(load_default="da")
    name_protected = TrueFalse(load_default=False)


class Holder(ChildCpr):
    """A custody holder or guardian."""

    name = Text(required=True)
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

    reason = one_of("mistake", "case_closed", "other", required=True)
    note = FreeText(most=2000, allow_none=True, load_default=None)
    performed_by = fields.Nested(PerformedBy, required=True)


class WithdrawalBody(Schema):
    """Who withdrew, and how they said so."""

    signatory = Text(most=64, required=True)
    channel = one_of("oral", "letter", required=True)
    note = FreeText(most=2000, allow_none=True, load_default=None)
    performed_by = fields.Nested(PerformedBy, required=True)


class ExemptionBody(Schema):
    """Why a holder need not sign."""

    signatory = Text(most=64, required=True)
    reason = one_of("deceased", "unknown_whereabouts", "court_decision", "other", required=True)
    provision = FreeText(required=True)
    evidence_reference = Reference(required=True)
    valid_until = DateField(allow_none=True, load_default=None)
    note = FreeText(most=2000, allow_none=True, load_default=None)
    performed_by = fields.Nested(PerformedBy, required=True)


class PerformedByBody(Schema):
    """An act that needs nothing but who did it."""

    performed_by = fields.Nested(PerformedBy, required=True)


class CustodyChangeBody(Schema):
    """A custody change found in the register."""

    child = fields.Nested(ChildCpr, required=True)
    custody = fields.Nested(Custody, required=True)
    effective_from = DateField(required=True)
    corrects = Text(most=64, allow_none=True, load_default=None)
    performed_by = fields.Nested(PerformedBy, required=True)


class Contact(Schema):
    """How a family reaches an organisation."""

    phone = Pattern(PHONE, "Not a phone number.", allow_none=True)
    email = EmailField(allow_none=True)


class Identifiers(Schema):
    """An organisation's registered numbers, all optional."""

    cvr = Pattern(re.compile(r"\d{8}"), "Eight digits.")
    sor = Pattern(re.compile(r"\d{6,18}"), "A SOR number.")
    ydernummer = Pattern(re.compile(r"\d{6}"), "Six digits.")
    gln = Pattern(re.compile(r"\d{13}"), "Thirteen digits.")


class OrganisationBody(Schema):
    """An organisation as a consent form names it."""

    id = slug(required=True)
    name = Text(required=True)
    kind = one_of(
        "municipality",
        "child_psychiatry",
        "paediatrics",
        "general_practice",
        "other",
        required=True,
    )
    descriptions = fields.Dict(keys=language(), values=Text(most=1000), load_default=dict)
    contact = fields.Nested(Contact, load_default=dict)
    identifiers = fields.Nested(Identifiers, load_default=dict)


class Labels(Schema):
    """A template's words for its slugs, in one language."""

    categories = fields.Dict(keys=slug(), values=Text(most=300), required=True)
    purpose = Text(most=500, required=True)


class TemplateText(Schema):
    """A template's text in one language."""

    title = Text(most=200, required=True)
    body = Text(most=8000, required=True)
    voluntary = Text(most=2000, required=True)
    withdrawal = Text(most=2000, required=True)
    contact = Text(most=2000, required=True)
    privacy = Text(most=4000, required=True)


class TemplateBody(Schema):
    """A new version of a template."""

    id = slug(required=True)
    purpose = slug(required=True)
    categories = list_of(slug(), required=True)
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
    media_type = Text(most=100, required=True)


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


class EntryQuery(PageQuery):
    """Which log entries to list."""

    since = InstantField(data_key="from")
    until = InstantField(data_key="to")
    type = Text(most=40)
    organisation = slug()
    outcome = one_of("permitted", "denied", "recorded")


class EntrySearchBody(PageBody):
    """A search of the log that names people."""

    child = fields.Nested(ChildCpr)
    employee = Reference(most=64)
    since = InstantField(data_key="from")
    until = InstantField(data_key="to")
    type = Text(most=40)
    organisation = slug()
    outcome = one_of("permitted", "denied", "recorded")


class SubjectExportBody(Schema):
    """A person by number, and the employee who asks."""

    subject = fields.Nested(ChildCpr, required=True)
    performed_by = fields.Nested(PerformedBy, required=True)
