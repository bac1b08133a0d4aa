"""Logging: one line an event to standard error; never a path, a body or a database's words."""

import logging
import sys


def configure_logging() -> None:
    """Send what the service has to say to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # Alembic and the HTTP client of the login name addresses that hold one-time codes.
    for name in ("alembic", "urllib3", "werkzeug", "authlib", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
