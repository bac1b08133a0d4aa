"""Pages for families: follow a link, log in, read, answer, see what was shared, withdraw."""

from consent_service.web.site import register

__all__ = ["register"]
