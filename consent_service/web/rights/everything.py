"""What the controller knows and shared, as one file for the signer who asks for it (R12)."""

from flask import Response, make_response

from consent_service.services.rights.export_subject import SubjectRequest, export_subject
from consent_service.web.frame.language import interface_language
from consent_service.web.frame.rendering import go_home
from consent_service.web.rights.subject_page import subject_page
from consent_service.web.signatures.visit import Site, visit_of


def everything(site: Site) -> Response:
    """What the controller knows and shared around this child, as one file for the signer."""
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        if not visit.is_logged_in:
            return go_home()
        signer = visit.signer
        asked = SubjectRequest(signer.file.controller, signer.details.cpr, "citizen", None)
        export = export_subject(uow, site.context, asked, signer.file.child)
        uow.commit()
    response = make_response(subject_page(export, "da" if interface_language() == "da" else "en"))
    response.headers["Content-Disposition"] = 'attachment; filename="det-ved-vi.html"'
    return response
