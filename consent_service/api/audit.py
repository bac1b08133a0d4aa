"""The log over HTTP: for a data-protection officer, and the public proofs."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request

from consent_service.api import log_schemas as schemas
from consent_service.api.commands import decode_cursor, encode_cursor
from consent_service.api.endpoint import Call, Endpoint, Reply, Runtime
from consent_service.audit.checkpoint import vkey
from consent_service.audit.receipt_document import InclusionProof
from consent_service.errors import ConsentServiceError, InvalidInput, NotFound
from consent_service.services.children.family import check_cpr
from consent_service.services.log.model import ERASURE, EntryFilter, LoggedEntry
from consent_service.services.log.read_log import find_entries, get_entry
from consent_service.signing import base64url
from consent_service.signing.canonical import instant_text
from consent_service.signing.keys import KeySet

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
    """GET /v1/audit/export: one page of JSON Lines, the address of the next in a Link header."""
    found, last = _find(call, dict(call.query), "export")
    lines = "".join(json.dumps(_exported(call, entry)) + "\n" for entry in found)
    following = urlencode({**request.args, "cursor": encode_cursor(last)})
    headers = {"Link": f'<?{following}>; rel="next"'} if last else {}
    return Reply(200, lines, headers=headers, media_type="application/jsonl")


def _page(call: Call, members: dict[str, Any], view: str) -> Reply:
    found, last = _find(call, members, view)
    items = [_shown(entry) for entry in found]
    return Reply(200, {"items": items, "next": encode_cursor(last)})


def _find(call: Call, members: dict[str, Any], view: str) -> tuple[list[LoggedEntry], str | None]:
    # Every page is itself logged: pages end where the log ended when the first was asked for.
    cursor, limit = decode_cursor(members.pop("cursor", None)), members.pop("limit")
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
        query=schemas.EntryQuery,
        tag="Log",
    ),
]


def register_public(app: Flask, runtime: Runtime, keys: Callable[[], KeySet], origin: str) -> None:
    """The routes anybody may ask: checkpoints, proofs and the published keys."""

    def checkpoint() -> Response:
        with runtime.units.reading() as uow:
            note = uow.tree.checkpoint()
        if note is None:
            raise NotFound("The log is empty.")
        return Response(note, mimetype="text/plain")

    def proof() -> Response:
        leaf = _leaf(request.args.get("leaf", ""))
        with runtime.units.reading() as uow:
            found = uow.tree.inclusion_of_leaf(leaf)
        if found is None:
            raise NotFound("No such leaf is in the tree.")
        return _json(proof_json(found))

    def consistency() -> Response:
        old, new = _size("old"), _size("new")
        with runtime.units.reading() as uow:
            path = uow.tree.consistency(old, new)
        shown = [base64.b64encode(one).decode() for one in path]
        return _json({"old": old, "new": new, "path": shown})

    def jwks() -> Response:
        return _json(keys().as_jwks(), "application/jwk-set+json")

    def consent_log() -> Response:
        log_keys = [
            {"vkey": vkey(origin, key.public), **key.to_jwk()} for key in keys().of_use("log")
        ]
        return _json({"origin": origin, "keys": log_keys})

    routes: Mapping[str, Callable[[], Response]] = {
        "/log/checkpoint": checkpoint,
        "/log/proof": proof,
        "/log/consistency": consistency,
        "/.well-known/jwks.json": jwks,
        "/.well-known/consent-log.json": consent_log,
    }
    for path, view in routes.items():
        view.declared_auth = "public: proofs and keys name nobody"  # type: ignore[attr-defined]
        app.add_url_rule(path, view.__name__, view, provide_automatic_options=False)


def _leaf(text: str) -> bytes:
    """A leaf hash in hexadecimal or base64url."""
    try:
        leaf = bytes.fromhex(text) if len(text) == 2 * HASH_BYTES else base64url.decode(text)
    except (ValueError, ConsentServiceError):
        leaf = b""
    if len(leaf) != HASH_BYTES:
        raise InvalidInput.field("/leaf", "A leaf hash of 32 bytes, in hexadecimal or base64url.")
    return leaf


def _size(name: str) -> int:
    text = request.args.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidInput.field(f"/{name}", "A tree size: a whole number.")
    return int(text)


def _json(content: Any, media_type: str = "application/json") -> Response:
    return Response(json.dumps(content), mimetype=media_type)
