"""The floors: what Flask, PyJWT and psycopg cost with nothing around them.

Two routes that take the very requests the service takes. Each verifies the token with PyJWT, reads
the JSON, and makes one round trip to PostgreSQL with psycopg: one SELECT by primary key, or one
committed INSERT of about a kilobyte. No ORM, no checks, no log.
"""

import json
import os
import threading
from pathlib import Path

import jwt
import psycopg
from flask import Flask, Response, request

ROW_BYTES = 1024

TABLES = """
CREATE TABLE floor_child (cpr text PRIMARY KEY, content bytea NOT NULL);
CREATE TABLE floor_entry (id uuid PRIMARY KEY, content bytea NOT NULL);
"""
SELECT = "SELECT content FROM floor_child WHERE cpr = %s"
INSERT = "INSERT INTO floor_entry (id, content) VALUES (gen_random_uuid(), %s)"

_local = threading.local()


def create_app() -> Flask:
    """What gunicorn serves; FLOOR_DATABASE is psycopg's connection string."""
    app = Flask("floors", static_folder=None)
    database = os.environ["FLOOR_DATABASE"]
    issuer = os.environ["FLOOR_ISSUER"]
    jwks = json.loads(Path(os.environ["FLOOR_JWKS"]).read_text())
    keys = {jwk["kid"]: jwt.PyJWK(jwk) for jwk in jwks["keys"]}

    def connection() -> psycopg.Connection:
        # A connection for each thread: what a pool hands out, without the pool's cost.
        if not hasattr(_local, "connection"):
            _local.connection = psycopg.connect(database, autocommit=True)
        return _local.connection

    def verify() -> None:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        key = keys[jwt.get_unverified_header(token)["kid"]]
        jwt.decode(token, key, algorithms=["EdDSA"], issuer=issuer, audience=issuer)

    @app.post("/select")
    def _select() -> Response:
        verify()
        cpr = request.get_json()["child"]["cpr"]
        row = connection().execute(SELECT, (cpr,)).fetchone()
        answer = {"bytes": len(row[0])} if row else {}
        return Response(json.dumps(answer), 200 if row else 404, mimetype="application/json")

    @app.post("/insert")
    def _insert() -> Response:
        verify()
        cpr = request.get_json()["child"]["cpr"]
        connection().execute(INSERT, (cpr.encode() + os.urandom(ROW_BYTES - len(cpr)),))
        return Response(json.dumps({"kept": True}), 201, mimetype="application/json")

    return app
