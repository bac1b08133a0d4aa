"""Pages for staff: log in at the organisation's own provider, see who one is, log out."""

from consent_service.web.staff.routes import register

__all__ = ["register"]
