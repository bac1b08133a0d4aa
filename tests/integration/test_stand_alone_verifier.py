"""The stand-alone verifier: built without a network, in an environment with nothing else."""

import ast
import base64
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from consent_service.audit.merkle import Frontier
from tests.unit.audit.built_log import built
from tests.unit.audit.outside import json_lines, publish, tree_lines, write
from tests.unit.audit.test_export_checks import exported
from tests.unit.audit.test_receipt import receipt
from tools.build_verifier import PIP, build

LOG = built()
CONTENTS = {
    "receipt": json.dumps(receipt().to_json()).encode(),
    "export": json_lines(exported(LOG)[:4] + tree_lines(LOG)).encode(),
    "checkpoints": LOG.checkpoint_rows[-1].note.encode(),
}
NEEDED = ("cryptography", "cffi", "pycparser")


@dataclass(frozen=True)
class Machine:
    """An environment of its own with a folder of files."""

    python: Path
    command: Path
    application: Path
    folder: Path

    def run(self, *words: str | Path, program: list[str | Path] | None = None) -> tuple[int, str]:
        ran = subprocess.run(
            [*(program or [self.command]), *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        )
        return ran.returncode, ran.stdout + ran.stderr

    def verify(self, kind: str, content: bytes, **options: list[str | Path]) -> tuple[int, str]:
        written = write(self.folder, kind, content)
        return self.run(kind, written, *publish(self.folder), **options)


@pytest.fixture(scope="module")
def built_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def machine(built_files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Machine:
    wheel, application = built_files
    home = tmp_path_factory.mktemp("machine")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], check=True)
    # What the registry would bring: of this environment only cryptography and what it needs itself.
    libraries = home / "libraries"
    libraries.mkdir()
    for site in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for found in Path(site).iterdir():
            if found.name.partition("-")[0].partition(".")[0].lstrip("_") in (
                *NEEDED,
                "cffi_backend",
            ):
                (libraries / found.name).symlink_to(found)
    (site_packages,) = (home / "venv" / "lib").glob("python3*/site-packages")
    (site_packages / "libraries.pth").write_text(f"{libraries}\n")
    python = home / "venv" / "bin" / "python"
    subprocess.run([*PIP, "--python", python, "install", "--no-index", wheel], check=True)
    folder = home / "files"
    folder.mkdir()
    return Machine(python, home / "venv" / "bin" / "consent-verifier", application, folder)


def test_nothing_of_the_service_is_there(machine: Machine) -> None:
    for module in ("flask", "sqlalchemy", "click", "consent_service.domain"):
        code, said = machine.run("-c", f"import {module}", program=[machine.python])
        assert (code, "ModuleNotFoundError" in said) == (1, True), said


@pytest.mark.parametrize("kind", CONTENTS)
def test_it_verifies(machine: Machine, kind: str) -> None:
    code, said = machine.verify(kind, CONTENTS[kind])
    assert code == 0, said
    assert "verified" in said


@pytest.mark.parametrize("kind", CONTENTS)
def test_so_does_the_one_file(machine: Machine, kind: str) -> None:
    program: list[str | Path] = [machine.python, "-I", machine.application]
    assert machine.verify(kind, CONTENTS[kind], program=program)[0] == 0


@pytest.mark.parametrize("kind", CONTENTS)
def test_it_refuses_a_flipped_byte(machine: Machine, kind: str) -> None:
    content = CONTENTS[kind]
    for at in range(len(content) // 7, len(content), len(content) // 6):
        flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        code, said = machine.verify(kind, flipped)
        assert code in (1, 2), (at, said)


def test_a_kept_checkpoint_and_an_export_beside_a_receipt(machine: Machine) -> None:
    files = machine.folder
    one = write(files, "receipt", CONTENTS["receipt"])
    kept = write(files, "kept", LOG.checkpoint_rows[1].note)
    other = write(files, "other", json_lines(tree_lines(LOG)))
    words = ("receipt", one, *publish(files), "--checkpoint", kept)
    assert machine.run(*words)[0] == 3
    # The built log and the receipt's are two logs of one name.
    code, said = machine.run(*words, "--export", other)
    assert (code, "contradict each other" in said) == (1, True), said


def test_the_growth_of_the_log_is_proven(machine: Machine) -> None:
    files, log = machine.folder, built((4, 4))
    old, new = (write(files, f"checkpoint-{row.size}", row.note) for row in log.checkpoint_rows)
    right = Frontier().append([row.leaf for row in log.leaf_rows[4:]])[0].root()
    path = [base64.b64encode(right).decode()]
    proof = write(files, "proof", json.dumps({"old": 4, "new": 8, "path": path}))
    words = ("checkpoints", old, new, *publish(files))
    assert machine.run(*words)[0] == 3
    code, said = machine.run(*words, "--consistency", proof)
    assert (code, "the log only grew" in said) == (0, True), said


def test_what_cannot_be_used_is_one_sentence(machine: Machine) -> None:
    published = publish(machine.folder)
    for words in (
        ("receipt", "away", *published),
        ("export", "away", *published),
        ("checkpoints", "away", *published),
        ("receipt", write(machine.folder, "receipt", b"{}"), *published),
        ("receipt", "receipt", "--jwks", "away", *published[2:]),
        ("receipt", "receipt"),
        (),
    ):
        code, said = machine.run(*words)
        assert (code, "Traceback" in said) == (2, False), said


def test_the_wheel_needs_cryptography_and_nothing_else(built_files: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built_files[0]) as wheel:
        (metadata,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
        needs = [
            line
            for line in wheel.read(metadata).decode().splitlines()
            if line.startswith("Requires-Dist:")
        ]
        assert needs == ["Requires-Dist: cryptography>=45"]
        sources = {
            name: ast.parse(wheel.read(name)) for name in wheel.namelist() if name.endswith(".py")
        }
    imported = {
        module.partition(".")[0]
        for tree in sources.values()
        for node in ast.walk(tree)
        for module in _imported(node)
    }
    assert imported - sys.stdlib_module_names == {"consent_service", "cryptography"}
    assert imported & {"asyncio", "ftplib", "http", "smtplib", "socket", "ssl", "urllib"} == set()
    folders = {name.rpartition("/")[0] for name in sources if name.startswith("consent_service/")}
    assert folders == {"consent_service", "consent_service/audit", "consent_service/signing"}


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
