"""Checks every answer that a test gets against the OpenAPI document the service itself serves."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jsonschema_rs
from flask import Flask, Response, json, request


@dataclass
class Conformity:
    """Watches an application; `deviations` says where an answer was not as documented."""

    app: Flask
    deviations: list[str] = field(default_factory=list)

    def watch(self) -> "Conformity":
        self.app.after_request(self._look)
        return self

    def _look(self, response: Response) -> Response:
        rule = request.url_rule
        if rule is not None and rule.rule.startswith("/v1/"):
            path = rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}")
            deviation = self._deviation(path, request.method.lower(), response)
            if deviation:
                where = f"{request.method} {path} {response.status_code}"
                self.deviations.append(f"{where}: {deviation}")
        return response

    def _deviation(self, path: str, method: str, response: Response) -> str | None:
        # A 500 is a bug and in no document; the tests that provoke one look at it themselves.
        if response.status_code == 500 or method == "head":
            return None
        document = self._document()
        documented = _responses(document)[path, method]
        answer = documented.get(str(response.status_code))
        if answer is None:
            return "the status is not documented"
        content = answer["content"].get(response.mimetype)
        if content is None:
            return f"{response.mimetype} is not documented"
        if response.mimetype.endswith("json"):
            validator = _validator(document, json.dumps(content["schema"]))
            errors = validator.iter_errors(response.get_json())
            # The place and the rule, not the value: it may be personal data.
            places = [f"/{'/'.join(map(str, e.instance_path))} {e.schema_path}" for e in errors]
            return "; ".join(places) or None
        return None

    def _document(self) -> str:
        """Read once for each address: it is made of that and of what is written in the code."""
        address = self.app.extensions["consent_service"].settings.base_url
        if address not in _documents:
            served = self.app.test_client().get("/openapi.json")
            _documents[address] = served.get_data(as_text=True)
        return _documents[address]


_documents: dict[str, str] = {}


@lru_cache(maxsize=4)
def _responses(document: str) -> dict[tuple[str, str], Any]:
    paths = json.loads(document)["paths"]
    return {
        (path, method): operation["responses"]
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


@lru_cache(maxsize=200)
def _validator(document: str, schema: str) -> Any:
    components = json.loads(document)["components"]
    return jsonschema_rs.Draft202012Validator(json.loads(schema) | {"components": components})
