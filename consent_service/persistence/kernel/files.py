"""Files outside the database that must be there after a power cut."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder last: a file's own fsync does not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
