"""Files outside the database that must be there after a power cut."""

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place of the one of that name, whole and durably; the owner alone reads it.

    A crash leaves the old one or the new one. Raises OSError. By one process at a time.
    """
    fresh = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder last: a file's own fsync does not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
