"""The HTTP face of the ledger: JSON under /v1, pages beside it. Calls the ledger, decides nothing itself."""

from __future__ import annotations

from flask import Flask

from api import (
    accounts,
    attestations,
    balances,
    calibration,
    campaigns,
    contests,
    creators,
    disputes,
    document,
    encoding,
    entries,
    estimates,
    events,
    exports,
    finding,
    health,
    history,
    keys,
    klout,
    klout_keys,
    pages,
    personal,
    pitches,
    policy,
    problems,
    proofs,
    quoting,
    readings,
    relationships,
    shell,
    simulations,
    state,
    sticks,
    webhooks,
)
from api.blueprint import Api
from ledger.db import Database
from ledger.settings import Settings
from ledger.settings import settings as process_settings

RESOURCES = (
    creators.blp,
    accounts.blp,
    personal.blp,
    finding.blp,
    attestations.blp,
    events.blp,
    balances.blp,
    history.blp,
    entries.blp,
    exports.blp,
    proofs.blp,
    sticks.blp,
    klout.blp,
    readings.blp,
    disputes.blp,
    estimates.blp,
    calibration.blp,
    quoting.blp,
    relationships.blp,
    pitches.blp,
    campaigns.blp,
    policy.blp,
    simulations.blp,
    keys.blp,
    webhooks.blp,
    health.blp,
)
PAGES = (document.blp, pages.blp, contests.blp)


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application. Opens no connection and migrates nothing. Raises MissingSecret without a pepper."""
    settings = settings or process_settings()
    app = Flask(__name__)
    app.url_map.merge_slashes = False  # an address with too many of them is none, and not sent elsewhere
    app.json = encoding.OrjsonProvider(app)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.body_limit_bytes,
        API_TITLE="Trust Ledger",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        JSON_SORT_KEYS=False,
    )
    database = Database(
        settings.database_url, pool_size=settings.pool_size, prepare_threshold=settings.prepare_threshold
    )
    app.extensions[state.NAME] = state.Ledger(database, settings, pepper=settings.key("pepper"))
    problems.register(app)
    documented = Api(app, spec_kwargs=document.OPTIONS)
    document.prepare(documented.spec)
    for blueprint in RESOURCES:
        documented.register_blueprint(blueprint)
    for face in PAGES:
        app.register_blueprint(face)
    document.finish(app, documented.spec)
    app.wsgi_app = klout_keys.KeyInQuery(app.wsgi_app)  # type: ignore[method-assign]
    shell.wrap(app, settings)
    return app
