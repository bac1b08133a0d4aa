"""The shape of a demand for a person's export."""

from marshmallow import Schema, fields

from consent_service.api.http.schemas import ChildCpr, PerformedBy


class SubjectExportBody(Schema):
    """A person by number, and the employee who asks."""

    subject = fields.Nested(ChildCpr, required=True)
    performed_by = fields.Nested(PerformedBy, required=True)
