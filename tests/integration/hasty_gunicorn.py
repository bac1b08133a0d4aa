"""The service's gunicorn settings with less patience, for tests that have little time."""

from consent_service.gunicorn_settings import *  # noqa: F403 - all of gunicorn's settings
from consent_service.gunicorn_settings import Worker


class HastyWorker(Worker):
    """Waits two seconds for a request and for its reader."""

    arrives_within_seconds = 2.0
    taken_within_seconds = 2


worker_class = HastyWorker
