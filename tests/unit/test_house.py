"""The house's own rules: wrong imports, planted in a copy of the package, are each named.

What is allowed is checked by `make check` on the package as it is.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "consent_service"
CONTRACTS: list[Mapping[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "importlinter"
]["contracts"]
BY_KIND = {
    kind: [one for one in CONTRACTS if one["id"].partition("-")[0] == kind]
    for kind in ("layers", "rooms", "subject")
}
# The whole of what one subject may know of another; the kernel is everybody's.
MAY_KNOW: Mapping[str, str] = {
    "kernel": "",
    "catalogue": "",
    "children": "catalogue",
    "access": "catalogue",
    "log": "children access",
    "consents": "catalogue children log",
    "disclosures": "catalogue children log consents",
    "insight": "catalogue children log consents disclosures",
    "signatures": "catalogue children log consents disclosures insight",
    "rights": "catalogue children log consents disclosures insight signatures",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package in a folder of its own, with the contracts."""
    shutil.copytree(
        ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def lint(copy: Path, contracts: Iterable[Mapping[str, Any]]) -> str:
    """What import-linter says of these contracts, which must all be broken."""
    chosen = [option for one in contracts for option in ("--contract", one["id"])]
    ran = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo", *chosen],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "1000"},
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert f"Contracts: 0 kept, {len(chosen) // 2} broken." in ran.stdout, ran.stdout
    return ran.stdout


def plant(copy: Path, importer: str, imported: str) -> str:
    """A new module beside the importer that imports what it must not; as the linter names it."""
    folder = copy.joinpath(*importer.split("."))
    name = f"planted_{imported.replace('.', '_')}"
    if not (folder / "__init__.py").exists():
        module = folder.with_suffix(".py")
        module.write_text(module.read_text() + f"\nimport {imported}  # planted\n")
        return f"{importer} -> {imported}"
    (folder / f"{name}.py").write_text(f"import {imported}\n")
    return f"{importer}.{name} -> {imported}"


def rooms(layer: str, subject: str) -> str | None:
    """A layer's room of a subject, if it has one."""
    room = ROOT / PACKAGE / layer / subject / "__init__.py"
    return f"{PACKAGE}.{layer}.{subject}" if room.exists() else None


@pytest.mark.parametrize("subject", MAY_KNOW)
def test_the_contracts_forbid_all_that_is_not_said_here(subject: str) -> None:
    others = set(MAY_KNOW) - {subject, "kernel", *MAY_KNOW[subject].split()}
    (contract,) = (one for one in BY_KIND["subject"] if one["id"] == f"subject-{subject}")
    assert contract["source_modules"] == [f"{PACKAGE}.*.{subject}"]
    assert set(contract["forbidden_modules"]) == {f"{PACKAGE}.*.{one}" for one in others}


def test_a_subject_that_may_not_be_known_is_known_in_no_layer(copy: Path) -> None:
    """Each forbidden pair, within a layer and from the outer layers into the services."""
    planted = []
    for contract in BY_KIND["subject"]:
        source = contract["source_modules"][0].rpartition(".")[2]
        for forbidden in contract["forbidden_modules"]:
            subject = forbidden.rpartition(".")[2]
            pairs = [
                (rooms(importer, source), rooms(imported, subject))
                for importer in ("domain", "services", "persistence", "api", "web")
                for imported in {importer, "services"}
                if importer != "domain" or imported == "domain"
            ]
            planted += [plant(copy, a, b) for a, b in pairs if a is not None and b is not None]
    assert len(planted) > 100
    said = lint(copy, BY_KIND["subject"])
    assert [one for one in planted if one not in said] == []


def test_a_layer_is_not_known_from_below_nor_a_room_from_a_room_below_it(copy: Path) -> None:
    planted = []
    for contract in (*BY_KIND["layers"], *BY_KIND["rooms"]):
        (container,) = contract["containers"]
        ordered = [layer.split(" | ") for layer in contract["layers"]]
        for higher, lower in pairwise(ordered):
            planted.append(plant(copy, f"{container}.{lower[0]}", f"{container}.{higher[0]}"))
        planted += [
            plant(copy, f"{container}.{one}", f"{container}.{another}")
            for beside in ordered
            for one in beside
            for another in beside
            if one != another
        ]
    said = lint(copy, [*BY_KIND["layers"], *BY_KIND["rooms"]])
    assert [one for one in planted if one not in said] == []


def test_the_verifiers_packages_need_nothing_else_of_the_service_nor_of_others(copy: Path) -> None:
    (contract,) = (one for one in CONTRACTS if one["id"] == "stand-alone")
    planted = [
        plant(copy, source, forbidden)
        for source in contract["source_modules"]
        for forbidden in contract["forbidden_modules"]
    ]
    said = lint(copy, [contract])
    assert [one for one in planted if one not in said] == []
    beside = {f"{PACKAGE}.{layer.strip()}" for one in BY_KIND["layers"][0]["layers"][-4:-1]
              for layer in one.split("|")}  # fmt: skip
    assert beside <= set(contract["forbidden_modules"])


def test_whatever_stands_in_no_room_is_refused(copy: Path) -> None:
    for contract in (*BY_KIND["layers"], *BY_KIND["rooms"]):
        (container,) = contract["containers"]
        copy.joinpath(*container.split("."), "stray.py").write_text("")
    said = lint(copy, [*BY_KIND["layers"], *BY_KIND["rooms"]])
    for contract in (*BY_KIND["layers"], *BY_KIND["rooms"]):
        assert f"{contract['containers'][0]}.stray" in said
