"""Exports with the leaf hashes of the whole tree: in pages, and nothing else of others."""

import base64
import json
from typing import Any
from urllib.parse import urljoin

import pytest

from consent_service.api.log import leaf_pages
from consent_service.audit import export_lines
from consent_service.audit.checkpoint import verify_checkpoint
from consent_service.audit.export_checks import ExportChecks
from consent_service.audit.merkle import Frontier
from consent_service.audit.origins import Origins
from consent_service.signing import base64url
from tests.api.test_log import ORIGIN, checkpoint, entries, keys, types
from tests.deployment import Deployment


def pages(
    service: Deployment, path: str, org: str = "municipality-x"
) -> list[list[dict[str, Any]]]:
    """Every page of an export, each as its lines."""
    found = []
    following: str | None = path
    while following is not None:
        answer = service.get(following, org=org)
        assert answer.status_code == 200, answer.json
        found.append([json.loads(line) for line in answer.get_data(as_text=True).splitlines()])
        link = answer.headers.get("Link")
        following = urljoin(path, link.partition("<")[2].partition(">")[0]) if link else None
    return found


def test_the_leaf_hashes_of_the_whole_tree_follow_the_entries(service: Deployment) -> None:
    service.in_force()
    for _ in range(3):
        service.disclose()
    service.parts.grow()
    found = pages(service, "/v1/audit/export?limit=2&leaves=true&type=disclosure")
    lines = [line for page in found for line in page]
    (begin,) = (at for at, line in enumerate(lines) if "checkpoint" in line)
    assert [line["body"]["type"] for line in lines[:begin]] == ["disclosure"] * 3
    head = verify_checkpoint(lines[begin]["checkpoint"], ORIGIN, keys(service))
    hashes = b"".join(base64.b64decode(line["hashes"]) for line in lines[begin + 1 :])
    leaves = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    assert (len(leaves), Frontier().append(leaves)[0].root()) == (head.size, head.root)


def test_the_cursor_of_a_page_of_leaves_is_none_of_entries(service: Deployment) -> None:
    """Else whoever forgot `leaves` would read that nothing follows."""
    service.parts.grow()
    link = service.get("/v1/audit/export?limit=200&leaves=true").headers["Link"]
    following = urljoin("/v1/audit/export", link.partition("<")[2].partition(">")[0])
    assert "checkpoint" in service.get(following).get_data(as_text=True)
    answer = service.get(following.replace("leaves=true", "leaves=false"))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/cursor"]


def test_a_large_tree_comes_in_pages(service: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (export_lines, leaf_pages):
        monkeypatch.setattr(module, "LEAVES_IN_LINE", 2)
    service.in_force()
    service.parts.grow()
    size = checkpoint(service).size
    found = pages(service, "/v1/audit/export?limit=3&leaves=true")
    lines = [line for page in found for line in page]
    firsts = [line["leaf"] for line in lines if "hashes" in line]
    assert firsts == list(range(0, firsts[-1] + 1, 2))
    assert firsts[-1] + 2 >= size
    assert max(len(page) for page in found) <= 4
    checks = ExportChecks(keys(service), Origins.named(ORIGIN), service.clock.now)
    list(checks.judged(json.dumps(line).encode() for line in lines))
    assert (checks.report.tree or ("none",))[0] == "verified"


def test_leaf_hashes_are_no_look_at_anybody(service: Deployment) -> None:
    """An entry for each page of entries, and none for the tree: it names nobody."""
    service.in_force()
    service.parts.grow()
    pages(service, "/v1/audit/export?leaves=true&limit=200")
    kinds = types(entries(service))
    assert kinds.count("log_exported") == len(pages(service, "/v1/audit/export?limit=200"))


def test_without_being_asked_an_export_has_entries_alone(service: Deployment) -> None:
    service.in_force()
    service.parts.grow()
    for query in ("", "?leaves=false"):
        (lines,) = pages(service, f"/v1/audit/export{query}")
        assert all("evidence" in line for line in lines)


def test_an_export_with_leaves_shows_nothing_of_others(service: Deployment) -> None:
    """Of their entries 32 bytes, which are the hash of what only they can know."""
    service.in_force()
    service.disclose()
    service.parts.grow()
    lines = [x for page in pages(service, "/v1/audit/export?leaves=true", "gp-y") for x in page]
    shown = {line["id"] for line in lines if "id" in line}
    assert shown
    assert shown <= {line["id"] for line in entries(service, org="gp-y")}
    assert not shown & {line["id"] for line in entries(service, "?type=consent_requested")}
    assert {frozenset(line) for line in lines if "id" not in line} == {
        frozenset({"checkpoint"}),
        frozenset({"leaf", "hashes"}),
    }


@pytest.mark.parametrize(
    "place", ["leaves.0.999999", "leaves.5.2", "leaves.0.0", "leaves.999.9999"]
)
def test_a_made_up_place_in_the_tree_is_refused(service: Deployment, place: str) -> None:
    service.parts.grow()
    cursor = base64url.encode(place.encode())
    answer = service.get(f"/v1/audit/export?leaves=true&cursor={cursor}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/cursor"


@pytest.mark.parametrize("value", ["yes", "1", ""])
def test_leaves_is_true_or_false(service: Deployment, value: str) -> None:
    answer = service.get(f"/v1/audit/export?leaves={value}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/leaves"
