"""What the service is built on and beside is named by digest, so that nobody can move it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINNED = re.compile(r"[a-z0-9./-]+:[\w.-]+@sha256:[0-9a-f]{64}")
OWN = "consent-service"


def base_images(dockerfile: str) -> Iterator[str]:
    """What each stage begins from, unless it is another stage."""
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)", dockerfile, re.MULTILINE))
    stages: set[str] = set()
    for image, stage in re.findall(r"^FROM (\S+)(?: AS (\S+))?", dockerfile, re.MULTILINE):
        named = re.sub(r"\$\{(\w+)\}", lambda name: defaults[name[1]], image)
        if named not in stages:
            yield named
        stages.add(stage)


def images_beside(compose: str) -> Iterator[str]:
    """What each service of the file runs, the image that is built here apart."""
    for image in re.findall(r"^\s+image: *(\S+)", compose, re.MULTILINE):
        if image != OWN:
            yield image


@pytest.mark.parametrize("image", sorted(set(base_images((ROOT / "Dockerfile").read_text()))))
def test_each_stage_begins_from_a_digest(image: str) -> None:
    assert PINNED.fullmatch(image), image


@pytest.mark.parametrize("image", list(images_beside((ROOT / "compose.yaml").read_text())))
def test_what_runs_beside_is_named_by_digest(image: str) -> None:
    assert PINNED.fullmatch(image), image


def test_a_tag_alone_is_told() -> None:
    dockerfile = "ARG BASE=python:3\nFROM ${BASE} AS build\nFROM build\nFROM debian:12@sha256:0\n"
    assert list(base_images(dockerfile)) == ["python:3", "debian:12@sha256:0"]
    assert not any(PINNED.fullmatch(one) for one in base_images(dockerfile))
    assert list(images_beside("x:\n  image: postgres:17\n  image: consent-service\n")) == [
        "postgres:17"
    ]
