"""The web application: `create_app(settings)` is the only place that wires it together."""

import os
from collections.abc import Callable
from datetime import datetime

from flask import Flask
from jwt import PyJWK
from werkzeug.middleware.proxy_fix import ProxyFix

from consent_service import web
from consent_service.api import audit, consents, disclosures, organisations, problems
from consent_service.api.endpoint import LARGEST_BODY, Endpoint, Runtime, register
from consent_service.api.response_headers import install_headers
from consent_service.api.service_pages import register_service_pages
from consent_service.config import Settings
from consent_service.identity.bearer import TokenVerifier, load_token_keys
from consent_service.logs import configure_logging
from consent_service.persistence.data_keys import check_keys_fit
from consent_service.persistence.database import check_durability, db, engine_options, prepare
from consent_service.persistence.index_slots import check_index_fits
from consent_service.persistence.live_keys import LiveTokenKeys
from consent_service.signing.keys import KeySet
from consent_service.wiring import Parts, assemble, utc_now
from consent_service.worker import watch_over_the_worker

ENDPOINTS: list[Endpoint] = [
    *organisations.ENDPOINTS,
    *consents.ENDPOINTS,
    *disclosures.ENDPOINTS,
    *audit.ENDPOINTS,
]


def create_app(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Flask:
    """The application for these settings. Raises Misconfigured, never half starts."""
    app = Flask("consent_service", static_folder=None, template_folder="web/templates")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    db.init_app(app)
    with app.app_context():
        engine = prepare(db.engine)
    if settings.trusted_proxies:
        # Attempts at links are counted by address: it must be the family's, not the proxy's.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0)  # type: ignore[method-assign]  # the documented way
    parts = assemble(settings, engine, clock)
    app.extensions["consent_service"] = parts
    runtime = Runtime(parts.units, parts.context, _token_verifier(parts), parts.index)
    problems.install(app)
    install_headers(app, settings)
    register(app, runtime, ENDPOINTS)
    audit.register_public(app, runtime, lambda: parts.keys.published, settings.log_origin)
    web.register(app, parts, settings)
    register_service_pages(app, engine, ENDPOINTS, settings.base_url)
    return app


def create_app_from_environment() -> Flask:
    """What gunicorn serves: settings from the environment, a sound database, a watching thread."""
    configure_logging()
    app = create_app(Settings.from_environment(os.environ))
    parts: Parts = app.extensions["consent_service"]
    check_durability(parts.units.engine)
    check_keys_fit(parts.units.engine, parts.units.ring)
    check_index_fits(parts.units.engine, parts.index)
    watch_over_the_worker(parts)
    return app


def _token_verifier(parts: Parts) -> TokenVerifier:
    settings = parts.settings
    others = load_token_keys(KeySet([]), settings.token_jwks_file)

    def load_keys(own: KeySet) -> dict[str, PyJWK]:
        return {**others, **load_token_keys(own, None)}

    keys = LiveTokenKeys(parts.live_keys, load_keys, utc_now)
    return TokenVerifier(keys, settings.token_issuer, settings.token_audience)
