"""What the service exports is what `audit verify-export` finds sound, far from the service."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from consent_service.cli import cli
from tests.api.test_log import checkpoint
from tests.deployment import Deployment


def verify(folder: Path, *more: str) -> Result:
    published = ["--jwks", str(folder / "jwks.json"), "--log", str(folder / "consent-log.json")]
    arguments = ["audit", "verify-export", str(folder / "export.jsonl"), *published, *more]
    # Nothing of the service's settings is there.
    return CliRunner(env={"CONSENT_DATABASE_URL": None}).invoke(cli, arguments)


def test_an_export_verifies_without_the_service(service: Deployment, tmp_path: Path) -> None:
    service.in_force()
    service.disclose()
    checkpoint(service)
    client = service.app.test_client()
    for name in ("jwks.json", "consent-log.json"):
        (tmp_path / name).write_bytes(client.get(f"/.well-known/{name}").get_data())
    kept = tmp_path / "checkpoint"
    kept.write_bytes(client.get("/log/checkpoint").get_data())
    export = tmp_path / "export.jsonl"
    export.write_bytes(service.get("/v1/audit/export").get_data())

    sound = verify(tmp_path, "--checkpoint", str(kept))
    assert sound.exit_code == 0, sound.output
    lines = export.read_text().splitlines(keepends=True)
    assert sound.output.startswith(f"{len(lines)} verified\n")

    told = json.loads(lines[1])
    told["body"]["type"] = "disclosure"
    export.write_text("".join([lines[0], json.dumps(told) + "\n", *lines[2:]]))
    lie = verify(tmp_path)
    assert lie.exit_code == 1
    assert f"line 2 (entry {told['id']})" in lie.output
