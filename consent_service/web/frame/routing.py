"""How a page is served under a path, and declares what lets somebody in."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from flask import Blueprint, Response, request

from consent_service.identity.attempts import Attempts
from consent_service.services.kernel.context import Context
from consent_service.services.units import Units

LARGEST_FORM = 16 * 1024
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

View = Callable[..., Response]


class Parts(Protocol):
    """What of the service the pages need."""

    @property
    def units(self) -> Units: ...

    @property
    def context(self) -> Context: ...

    @property
    def attempts(self) -> Attempts: ...


def bind(view: Callable[..., Response], site: Any) -> View:
    """A view that is served for one site."""

    @wraps(view)
    def serve(**path: Any) -> Response:
        return view(site, **path)

    return serve


def add_route(
    blueprint: Blueprint, path: str, view: View, auth: str, methods: list[str] | None = None
) -> None:
    """Serve a view under a path, and declare what lets somebody in."""
    # What the route walk in the tests looks for: nothing is served without it.
    view.declared_auth = auth  # type: ignore[attr-defined]  # own mark
    blueprint.add_url_rule(
        path,
        view.__name__.strip("_"),
        view,
        methods=methods or ["GET"],
        provide_automatic_options=False,
        strict_slashes=False,  # else /sign is redirected to an address made of the Host header
    )


def limit_forms() -> None:
    """Refuse a form larger than any of ours."""
    request.max_content_length = LARGEST_FORM
