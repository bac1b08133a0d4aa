"""What somebody outside holds of a built log, as files in a folder."""

import json
from pathlib import Path

from consent_service.audit.export_lines import leaves_json
from tests.unit.audit.built_log import ORIGIN, keys


def publish(folder, published=None):
    """The two files that everybody may have; the options that name them."""
    jwks = write(folder, "jwks.json", json.dumps((published or keys()).as_jwks()))
    described = write(folder, "consent-log.json", json.dumps({"origin": ORIGIN}))
    return ["--jwks", str(jwks), "--log", str(described)]


def write(folder, name, content):
    path = Path(folder, name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def tree_lines(log, note=None):
    """The lines of an export that hold the whole tree."""
    leaves = [row.leaf for row in log.leaf_rows]
    return [{"checkpoint": note or log.checkpoint_rows[-1].note}, *leaves_json(0, leaves)]


def json_lines(lines):
    return "".join(f"{json.dumps(line)}\n" for line in lines)
