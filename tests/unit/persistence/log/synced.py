"""What was asked to be on the disk, and what stood in the files at that moment."""

import os
from pathlib import Path

import pytest

Synced = list[tuple[str, dict[str, bytes]]]
"""Each fsync: the name of what was synced, and the folder's files as they were."""


def watch(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Synced:
    """Write down every fsync from here on of a file in a folder, or of the folder itself."""
    synced: Synced = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        really(descriptor)
        status = os.fstat(descriptor)
        (name,) = (
            path.name
            for path in (folder, *folder.iterdir())
            if (path.stat().st_dev, path.stat().st_ino) == (status.st_dev, status.st_ino)
        )
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        synced.append((name, files))

    monkeypatch.setattr(os, "fsync", fsync)
    return synced
