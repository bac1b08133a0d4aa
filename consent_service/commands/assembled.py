"""The service's parts for a command that runs beside it: the same settings, database and keys."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consent_service.wiring import Parts


@contextmanager
def assembled_parts() -> "Iterator[Parts]":
    """The parts from the environment's settings, put away afterwards. Raises Misconfigured."""
    import sqlalchemy as sa

    from consent_service.config import Settings
    from consent_service.persistence.database import engine_options, prepare
    from consent_service.wiring import assemble

    settings = Settings.from_environment(os.environ)
    url = settings.database_url
    parts = assemble(settings, prepare(sa.create_engine(url, **engine_options(url))))
    try:
        yield parts
    finally:
        parts.units.dispose()
