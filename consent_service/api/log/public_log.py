"""The part of the log that anybody may ask for: checkpoints, proofs and the published keys."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, request

from consent_service.api.http.endpoint import Runtime
from consent_service.api.log.entries import proof_json
from consent_service.audit.checkpoint import vkey
from consent_service.audit.note import COSIGNATURE
from consent_service.audit.origins import Origins
from consent_service.errors import ConsentServiceError, InvalidInput, NotFound
from consent_service.signing import base64url
from consent_service.signing.keys import KeySet

HASH_BYTES = 32


def register_public(app: Flask, runtime: Runtime, keys: Callable[[], KeySet], origin: str) -> None:
    """The routes anybody may ask: checkpoints, proofs and the published keys."""

    def checkpoint() -> Response:
        with runtime.units.reading() as uow:
            note = uow.tree.checkpoint()
        if note is None:
            raise NotFound("No checkpoint is signed yet.")
        return Response(note, mimetype="text/plain")

    def proof() -> Response:
        leaf = _leaf(request.args.get("leaf", ""))
        with runtime.units.reading() as uow:
            found = uow.tree.inclusion_of_leaf(leaf)
        if found is None:
            raise NotFound("No checkpoint holds such a leaf, or none yet.")
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
        with runtime.units.reading() as uow:
            origins = Origins.of(uow.tree.origins(), origin)
        return _json(described_log(origins, keys()))

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


def described_log(origins: Origins, keys: KeySet) -> dict[str, Any]:
    """The log as others need it: its origins, and the verifier keys of a checkpoint's two lines.

    `keys` sign, `cosigners` date. The log's own keys are among the latter, for checkpoints from
    before it had a cosignature key.
    """
    origin = origins.newest
    log_keys, cosigners = keys.of_use("log"), keys.of_use("cosignature")
    since = min((key.not_before for key in cosigners), default=None)
    dating = [key for key in log_keys if since is None or key.not_before < since]
    return {
        "origin": origin,
        "origins": [
            {"first_index": row.first_index, "origin": row.origin, "predecessor": row.predecessor}
            for row in origins.rows
        ],
        "keys": [{"vkey": vkey(origin, key.public), **key.to_jwk()} for key in log_keys],
        "cosigners": [
            {"vkey": vkey(origin, key.public, COSIGNATURE), **key.to_jwk()}
            for key in (*cosigners, *dating)
        ],
    }


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
