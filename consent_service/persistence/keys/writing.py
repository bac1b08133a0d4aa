"""Writing the key file: replaced as a whole, under a lock, and in step with the hardware module.

An object of the module is made after the file says that there may be one, and destroyed after it
says that nobody needs it. Its member `unused` lists both, so that whatever happens in between is
put right by `destroy_unused` (docs/decisions/0015).
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from consent_service.errors import Misconfigured
from consent_service.persistence.kernel.files import sync_folder
from consent_service.persistence.keys.document import KeyFile, read_keys
from consent_service.persistence.keys.material import reference_of, references_in
from consent_service.persistence.keys.module import NoModule, new_reference

Home = Literal["file", "module"]
"""Where a key is made; None means where the one before it is."""

_UNUSED = "unused"


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Be the only one who changes a key file. Raises Misconfigured while somebody else does."""
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Misconfigured("somebody else is changing this key file") from None
        yield


def replace(file: KeyFile, content: dict[str, Any]) -> None:
    """Put a document that can be read in place of the old one; what it drops is unused."""
    read_keys(content, file.module)
    before = file.content()
    needed = set(references_in(content))
    dropped = [name for name in references_in(before) if name not in needed]
    left = [name for name in (*before.get(_UNUSED, []), *dropped) if name not in needed]
    content.pop(_UNUSED, None)
    _write(file.path, content | ({_UNUSED: left} if left else {}))


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Put a whole new file in place of the old one; a crash leaves one or the other."""
    before = path.stat()
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        # Whoever could read the old one can read the new one: the service may run as somebody else.
        if (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
            os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fchmod(descriptor, before.st_mode & 0o660)
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)
    sync_folder(path.parent)


# -- objects of the module ------------------------------------------------------------------------


def unused(file: KeyFile) -> list[str]:
    """What the module may have and nobody needs; processes may not have read so yet."""
    return list(file.content().get(_UNUSED, []))


def destroy_unused(file: KeyFile) -> int:
    """Destroy it, once every process has read the file again; how many there were."""
    content = file.content()
    references = set(content.pop(_UNUSED, [])) - set(references_in(content))
    if references:
        if file.module is None:
            raise NoModule
        for reference in references:
            file.module.destroy(reference)
        _write(file.path, content)
    return len(references)


def name_of_new(file: KeyFile, home: Home | None, before: Any) -> str | None:
    """What a new key of the module is called; None for a key in the file."""
    if home is None:
        home = "file" if before is None or reference_of(before) is None else "module"
    return name_in_module(file) if home == "module" else None


def name_in_module(file: KeyFile) -> str:
    """Written down before there is anything of this name. Raises Misconfigured."""
    if file.module is None:
        raise NoModule
    name, content = new_reference(), file.content()
    _write(file.path, content | {_UNUSED: [*content.get(_UNUSED, []), name]})
    return name
