"""What is neither a tenant's nor a family's: health, the OpenAPI document and its browser."""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from flask import Flask, Response, send_from_directory
from sqlalchemy.engine import Engine

from consent_service.api.http.endpoint import Endpoint
from consent_service.api.openapi import document
from consent_service.errors import Unavailable
from consent_service.persistence.kernel.migrate import is_current

_BROWSER = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Consent service: the HTTP interface</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/files/swagger-ui.css">
<main id="browser"></main>
<script src="/docs/files/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""

_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#browser",
  validatorUrl: null,
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
});
"""

# The browser of the interface is a script that asks for the document; nothing is inline.
_BROWSER_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = frozenset({"swagger-ui.css", "swagger-ui-bundle.js"})


def register_service_pages(
    app: Flask,
    engine: Engine,
    require_sound_log: Callable[[], None],
    endpoints: list[Endpoint],
    base_url: str,
) -> None:
    """Add /healthz, /readyz, /openapi.json and /docs."""
    # Made when it is first asked for: most processes never are.
    openapi = cache(lambda: json.dumps(document(endpoints, base_url)))
    dist = str(files("flask_swagger_ui") / "dist")

    def healthz() -> Response:
        return Response('{"status": "up"}', mimetype="application/json")

    def readyz() -> Response:
        # The keys were read at the start: without them there is no process to ask.
        if not is_current(engine):
            raise Unavailable(
                "schema_outdated", "The database waits for `consent-service migrate`."
            )
        require_sound_log()
        return Response('{"status": "ready"}', mimetype="application/json")

    def openapi_json() -> Response:
        return Response(openapi(), mimetype="application/json")

    def docs() -> Response:
        return _with_policy(Response(_BROWSER, mimetype="text/html"))

    def docs_start() -> Response:
        return Response(_START, mimetype="text/javascript")

    def docs_files(name: str) -> Response:
        return send_from_directory(dist, name if name in _FILES else "")

    routes: dict[str, Callable[..., Response]] = {
        "/healthz": healthz,
        "/readyz": readyz,
        "/openapi.json": openapi_json,
        "/docs": docs,
        "/docs/start.js": docs_start,
        "/docs/files/<name>": docs_files,
    }
    for path, view in routes.items():
        view.declared_auth = "public: names nobody"  # type: ignore[attr-defined]  # own mark
        app.add_url_rule(path, view.__name__, view, provide_automatic_options=False)


def _with_policy(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _BROWSER_POLICY
    return response
