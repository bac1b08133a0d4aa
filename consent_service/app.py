"""The web application: `create_app(settings)` is the only place that wires it together."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from consent_service.api.access.oauth import register_oauth
from consent_service.api.endpoints import ENDPOINTS
from consent_service.api.http import problems
from consent_service.api.http.body import LARGEST_BODY
from consent_service.api.http.converters import IntegerConverter
from consent_service.api.http.endpoint import Runtime, register
from consent_service.api.log.public_log import register_public
from consent_service.api.service_pages import register_service_pages
from consent_service.config import Settings
from consent_service.edge.door import Door
from consent_service.identity.bearer import TokenVerifier, load_token_keys, own_issuer
from consent_service.identity.external_issuers import load_issuers
from consent_service.identity.token_endpoint import PATH, TokenSettings
from consent_service.logs import configure_logging
from consent_service.persistence.kernel.database import (
    check_durability,
    db,
    prepare,
    serving_options,
)
from consent_service.persistence.keys.data_keys import check_keys_fit
from consent_service.persistence.keys.index_slots import check_index_fits
from consent_service.persistence.keys.live import LiveSigner, LiveTokenKeys
from consent_service.web import family, staff
from consent_service.wiring import Parts, assemble, utc_now
from consent_service.worker import watch_over_the_worker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def create_app(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Flask:
    """The application for these settings. Raises Misconfigured, never half starts."""
    app = Flask("consent_service", static_folder=None, template_folder="web/templates")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=serving_options(settings.database_url),
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        PROPAGATE_EXCEPTIONS=False,
    )
    # Otherwise //x is redirected to an address made of the Host header.
    app.url_map.merge_slashes = False
    app.url_map.converters["int"] = IntegerConverter
    db.init_app(app)
    with app.app_context():
        engine = prepare(db.engine)
    application: WSGIApplication = app.wsgi_app
    if settings.trusted_proxies:
        # Failed attempts are counted by address: it must be the family's, not the proxy's.
        application = ProxyFix(application, x_for=settings.trusted_proxies, x_proto=0)
    app.wsgi_app = Door(application, settings)  # type: ignore[method-assign]  # the documented way
    parts = assemble(settings, engine, clock)
    app.extensions["consent_service"] = parts
    tokens = _token_verifier(parts)
    runtime = Runtime(parts.units, parts.context, tokens, parts.index, parts.attempts)
    problems.install(app)
    register(app, runtime, ENDPOINTS)
    register_public(app, runtime, lambda: parts.keys.published, settings.log_origin)
    register_oauth(app, parts.units, parts.attempts, _token_settings(parts), settings.base_url)
    family.register(app, parts, settings)
    staff.register(app, parts, settings)
    register_service_pages(app, engine, parts.guard.require_now, ENDPOINTS, settings.base_url)
    return app


def create_app_from_environment() -> Flask:
    """What gunicorn serves: settings from the environment, a sound database, a watching thread."""
    configure_logging()
    app = create_app(Settings.from_environment(os.environ))
    parts: Parts = app.extensions["consent_service"]
    check_durability(parts.units.engine)
    check_keys_fit(parts.units.engine, parts.units.ring)
    check_index_fits(parts.units.engine, parts.index)
    parts.guard.begin()
    watch_over_the_worker(parts)
    return app


def _token_verifier(parts: Parts) -> TokenVerifier:
    settings = parts.settings
    own, audience = settings.token_issuer, settings.token_audience
    keys = LiveTokenKeys(parts.live_keys, load_token_keys, utc_now)
    issuers = {own: own_issuer(own, audience, keys)}
    if settings.token_issuers_file is not None:
        issuers |= load_issuers(settings.token_issuers_file, own)
    return TokenVerifier(issuers)


def _token_settings(parts: Parts) -> TokenSettings:
    settings = parts.settings
    return TokenSettings(
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        endpoint=settings.base_url + PATH,
        lifetime=settings.token_lifetime,
        signing_key=LiveSigner(parts.live_keys, "token"),
        new_id=parts.context.new_id,
    )
