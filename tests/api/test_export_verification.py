"""What the service exports is what `audit verify-export` finds sound, far from the service."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from consent_service.audit.checkpoint import parse_checkpoint, sign_checkpoint
from consent_service.audit.offline import FAILED, UNPROVEN, UNUSABLE, VERIFIED
from consent_service.cli import cli
from tests.api.test_export_leaves import pages
from tests.api.test_log import ORIGIN, checkpoint
from tests.deployment import Deployment


class Desk:
    """A folder on another machine, with what somebody took out of the service."""

    def __init__(self, service: Deployment, folder: Path) -> None:
        self.service, self.folder = service, folder
        for name in ("jwks.json", "consent-log.json"):
            self.fetch(f"/.well-known/{name}", name)

    def fetch(self, path: str, name: str) -> Path:
        """Keep the answer of a public route."""
        self.service.parts.grow()
        answer = self.service.app.test_client().get(path)
        assert answer.status_code == 200, answer.json
        return self.write(name, answer.get_data())

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def export(self, query: str = "", org: str = "municipality-x") -> Path:
        lines = [
            json.dumps(line)
            for page in pages(self.service, f"/v1/audit/export{query}", org)
            for line in page
        ]
        return self.write("export.jsonl", "".join(f"{line}\n" for line in lines))

    def forged(self, size: int, **changes: Any) -> Path:
        """A checkpoint that the log's keys signed and dated, of a tree the log never had."""
        clock = changes.get("time") or self.service.clock.now
        signing = self.service.parts.keys.signing
        root = bytes(range(32))
        note = sign_checkpoint(ORIGIN, size, root, clock, signing["log"], signing["cosignature"])
        return self.write(f"forged-{size}", note)

    def run(self, *arguments: str | Path) -> Result:
        published = ["--jwks", self.folder / "jwks.json", "--log", self.folder / "consent-log.json"]
        words = [str(one) for one in (*arguments, *published)]
        # Nothing of the service's settings is there.
        ran = CliRunner(env={"CONSENT_DATABASE_URL": None}).invoke(cli, words)
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
        return ran

    def verify_export(self, *more: str | Path) -> Result:
        return self.run("audit", "verify-export", self.folder / "export.jsonl", *more)


@pytest.fixture
def desk(service: Deployment, tmp_path: Path) -> Desk:
    service.in_force()
    service.disclose()
    checkpoint(service)
    folder = tmp_path / "desk"
    folder.mkdir()
    return Desk(service, folder)


def test_an_export_verifies_without_the_service(desk: Desk) -> None:
    kept = desk.fetch("/log/checkpoint", "kept")
    export = desk.export()
    sound = desk.verify_export()
    assert sound.exit_code == VERIFIED, sound.output
    lines = export.read_text().splitlines(keepends=True)
    assert sound.output.startswith(f"{len(lines)} verified\n")
    assert desk.verify_export("--checkpoint", kept).exit_code == VERIFIED

    told = json.loads(lines[1])
    told["body"]["type"] = "disclosure"
    export.write_text("".join([lines[0], json.dumps(told) + "\n", *lines[2:]]))
    lie = desk.verify_export()
    assert lie.exit_code == FAILED
    assert f"line 2 (entry {told['id']})" in lie.output


def test_checkpoints_kept_at_any_time_are_compared_with_the_whole_tree(desk: Desk) -> None:
    kept = []
    for number in range(3):
        desk.service.disclose()
        kept.append(desk.fetch("/log/checkpoint", f"kept-{number}"))
    desk.service.disclose()
    desk.service.parts.grow()
    desk.export("?leaves=true&limit=3")
    options = [option for path in kept for option in ("--checkpoint", path)]
    sound = desk.verify_export(*options)
    assert sound.exit_code == VERIFIED, sound.output
    assert [f"compared      kept checkpoint {path}" in sound.output for path in kept] == [True] * 3

    size = parse_checkpoint(kept[0].read_text()).size
    early = desk.service.clock.now.replace(year=2026, month=1)
    for forged in (desk.forged(size - 1, time=early), desk.forged(10**6, time=early)):
        lie = desk.verify_export("--checkpoint", forged)
        assert lie.exit_code == FAILED, lie.output
        assert f"failed        kept checkpoint {forged}" in lie.output


def test_what_could_not_be_compared_is_said(desk: Desk) -> None:
    kept = desk.fetch("/log/checkpoint", "kept")
    desk.service.disclose()
    desk.service.parts.grow()
    desk.export()
    said = desk.verify_export("--checkpoint", kept)
    assert said.exit_code == UNPROVEN, said.output
    assert f"not compared  kept checkpoint {kept}" in said.output


def test_what_cannot_be_used_is_no_lie(desk: Desk) -> None:
    kept, export = desk.fetch("/log/checkpoint", "kept"), desk.export()
    note = kept.read_bytes()
    for content in (b"", b"\xff", note[:-2], note.replace(b"\n", b"\r\n"), note + b"x"):
        bad = desk.write("bad", content)
        assert desk.verify_export("--checkpoint", bad).exit_code == UNUSABLE
    assert desk.verify_export("--checkpoint", desk.folder / "away").exit_code == UNUSABLE
    assert export.exists()
    jwks = json.loads((desk.folder / "jwks.json").read_text())
    damaged = {"keys": [one | {"x": "AA"} for one in jwks["keys"]]}
    twice = {"keys": [*jwks["keys"], jwks["keys"][0]]}
    for content in (json.dumps(damaged), json.dumps(twice), "{}", "[", '{"keys": [], "keys": []}'):
        desk.write("jwks.json", content)
        assert desk.verify_export().exit_code == UNUSABLE
    desk.write("jwks.json", json.dumps(jwks))
    for content in ("{}", "[]", '{"origin": 7}', "{"):
        desk.write("consent-log.json", content)
        assert desk.verify_export().exit_code == UNUSABLE


def test_a_key_of_a_kind_to_come_makes_nothing_unverifiable(desk: Desk) -> None:
    desk.export()
    jwks = json.loads((desk.folder / "jwks.json").read_text())
    keys = [one | {"x5c": ["MIIB"]} for one in jwks["keys"]]
    keys.append({"kty": "AKP", "alg": "ML-DSA-44", "kid": "next", "pub": "AA", "status": "active"})
    desk.write("jwks.json", json.dumps({"keys": keys, "next_update": 1}))
    assert desk.verify_export().exit_code == VERIFIED


def test_checkpoints_by_themselves_and_that_the_log_only_grew(desk: Desk) -> None:
    old = desk.fetch("/log/checkpoint", "old")
    desk.service.disclose()
    new = desk.fetch("/log/checkpoint", "new")
    first, second = (parse_checkpoint(path.read_text()).size for path in (old, new))
    proof = desk.fetch(f"/log/consistency?old={first}&new={second}", "proof.json")
    command = ("audit", "verify-checkpoints")
    assert desk.run(*command, old).exit_code == VERIFIED
    alone = desk.run(*command, old, new)
    assert alone.exit_code == UNPROVEN
    assert f"/log/consistency?old={first}&new={second}" in alone.output
    grown = desk.run(*command, new, old, "--consistency", proof)
    assert grown.exit_code == VERIFIED, grown.output
    assert "the log only grew" in grown.output
    forged = desk.forged(first)
    assert desk.run(*command, old, forged).exit_code == FAILED
    assert desk.run(*command, forged, new, "--consistency", proof).exit_code == FAILED
    broken = desk.write("broken", old.read_text().replace("\n\n", "\n"))
    assert desk.run(*command, broken).exit_code == FAILED
    for content in ("{}", "[", '{"old": 1, "new": 2, "path": ["?"]}'):
        bad = desk.write("bad.json", content)
        assert desk.run(*command, old, new, "--consistency", bad).exit_code == UNUSABLE
