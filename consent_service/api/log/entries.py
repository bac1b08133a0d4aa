"""The log over HTTP: for a data-protection officer, and the public proofs."""

import base64
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import request

from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.log import schemas
from consent_service.api.log.leaf_pages import BEGIN, leaf_page, read_place
from consent_service.audit.receipt_document import InclusionProof
from consent_service.errors import InvalidInput
from consent_service.services.children.family import check_cpr
from consent_service.services.log.model import ERASURE, EntryFilter, LoggedEntry
from consent_service.services.log.read_log import find_entries, get_entry
from consent_service.signing import base64url
from consent_service.signing.canonical import instant_text

HASH_BYTES = 32


def get_entries(call: Call) -> Reply:
    """GET /v1/audit/entries."""
    return _page(call, dict(call.query), "list")


def search_entries(call: Call) -> Reply:
    """POST /v1/audit/search."""
    members = dict(call.body)
    if child := members.pop("child", None):
        members["child"] = check_cpr(child["cpr"], "/child/cpr")
    return _page(call, members, "search")


def export_entries(call: Call) -> Reply:
    """GET /v1/audit/export: one page of JSON Lines, the address of the next in a Link header.

    With `leaves=true` the pages of entries are followed by those of the leaf hashes of the whole
    tree, so that a checkpoint of any size can be compared with it.
    """
    query = dict(call.query)
    with_leaves = query.pop("leaves")
    place = read_place(call.cursors.open(query.get("cursor")))
    if place is not None and not with_leaves:
        raise InvalidInput.field("/cursor", "A page of leaves is asked for with leaves=true.")
    if place is not None:
        lines, last = leaf_page(call.uow.tree, place, query["limit"])
    else:
        found, last = _find(call, query, "export")
        lines = [_exported(call, entry) for entry in found]
        if with_leaves and last is None:
            last = BEGIN
    text = "".join(json.dumps(line) + "\n" for line in lines)
    following = urlencode({**request.args, "cursor": call.cursors.seal(last)})
    headers = {"Link": f'<?{following}>; rel="next"'} if last else {}
    return Reply(200, text, headers=headers, media_type="application/jsonl")


def _page(call: Call, members: dict[str, Any], view: str) -> Reply:
    found, last = _find(call, members, view)
    items = [_shown(entry) for entry in found]
    return Reply(200, {"items": items, "next": call.cursors.seal(last)})


def _find(
    call: Call, members: dict[str, Any], view: str
) -> tuple[Sequence[LoggedEntry], str | None]:
    # Every page is itself logged: pages end where the log ended when the first was asked for.
    cursor, limit = call.cursors.open(members.pop("cursor", None)), members.pop("limit")
    after, _, end = (cursor or "").partition(".")
    end = end or call.context.new_id()
    search = EntryFilter(viewer=call.caller.organisation, before=end, **members)
    found, last = find_entries(
        call.uow, call.context, call.caller, search, after=after or None, limit=limit, view=view
    )
    return found, f"{last}.{end}" if last else None


def get_audit_entry(call: Call) -> Reply:
    """GET /v1/audit/entries/{id}."""
    entry = get_entry(call.uow, call.context, call.caller, call.path["entry_id"])
    return Reply(200, _shown(entry))


def get_entry_proof(call: Call) -> Reply:
    """GET /v1/audit/entries/{id}/proof."""
    entry = get_entry(call.uow, call.context, call.caller, call.path["entry_id"])
    return Reply(200, _evidence(call, entry))


def _shown(entry: LoggedEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "time": instant_text(entry.time),
        "controller": entry.controller,
        "body": entry.body,
    }


def _evidence(call: Call, entry: LoggedEntry) -> dict[str, Any]:
    """What proves an entry: header, body and salt in base64url, the promise and the proof."""
    proof = call.uow.tree.inclusion(entry.id)
    return {
        "id": entry.id,
        "header": base64url.encode(entry.header),
        "body": base64url.encode(entry.body_bytes),
        "salt": base64url.encode(entry.salt),
        "promise": entry.promise,
        "proof": proof_json(proof) if proof else None,
    }


def _exported(call: Call, entry: LoggedEntry) -> dict[str, Any]:
    exported = _shown(entry) | {"evidence": _evidence(call, entry)}
    if entry.body["type"] == ERASURE:
        # What the digest in the header is of: one (entry id, leaf hash) for each.
        listed = call.uow.log.erased_by(entry.id)
        exported["erased"] = [[erased, leaf.hex()] for erased, leaf in listed]
    return exported


def proof_json(proof: InclusionProof) -> dict[str, Any]:
    """An inclusion proof (RFC 9162 § 2.1.3) with the checkpoint it leads to."""
    return {
        "index": proof.index,
        "path": [base64.b64encode(one).decode() for one in proof.path],
        "checkpoint": proof.checkpoint,
    }


ENDPOINTS = [
    Endpoint(
        "GET",
        "/v1/audit/entries",
        "audit:read",
        "List log entries",
        get_entries,
        {200: "EntryPage"},
        query=schemas.EntryQuery,
        tag="Log",
    ),
    Endpoint(
        "POST",
        "/v1/audit/search",
        "audit:read",
        "Search the log by child or employee",
        search_entries,
        {200: "EntryPage"},
        body=schemas.EntrySearchBody,
        tag="Log",
    ),
    Endpoint(
        "GET",
        "/v1/audit/entries/<entry_id>",
        "audit:read",
        "One log entry",
        get_audit_entry,
        {200: "Entry", 404: "Problem"},
        tag="Log",
    ),
    Endpoint(
        "GET",
        "/v1/audit/entries/<entry_id>/proof",
        "audit:read",
        "What proves an entry to an outsider",
        get_entry_proof,
        {200: "EntryProof", 404: "Problem"},
        tag="Log",
    ),
    Endpoint(
        "GET",
        "/v1/audit/export",
        "audit:read",
        "Entries with their proofs, as JSON Lines",
        export_entries,
        {200: None},
        query=schemas.ExportQuery,
        tag="Log",
        description="With `leaves=true` the pages of entries are followed by those of all leaf "
        "hashes, 256 in a line, after a line with the checkpoint they lead to: "
        "`audit verify-export` then compares a checkpoint of any size.",
    ),
]
