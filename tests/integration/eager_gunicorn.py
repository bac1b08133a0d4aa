"""The service's gunicorn settings for tests with many workers: all modules are imported before.

Otherwise each worker imports them for itself, for longer than its part of the test takes. Each
still makes an application of its own, with connections of its own.
"""

import consent_service.app  # noqa: F401 - for the processes that are made of this one
from consent_service.gunicorn_settings import *  # noqa: F403 - all of gunicorn's settings
