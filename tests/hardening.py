"""What every answer of the service must carry, and what none may say."""

import re
from collections.abc import Iterable, Mapping

REQUIRED = {
    "x-content-type-options": r"nosniff",
    "x-frame-options": r"DENY",
    "referrer-policy": r"no-referrer",
    "cross-origin-opener-policy": r"same-origin",
    "cross-origin-resource-policy": r"same-origin",
    "permissions-policy": r"(?=.*camera=\(\))(?=.*geolocation=\(\))(?=.*microphone=\(\)).*",
    "content-security-policy": r"(?=.*default-src 'none')(?=.*base-uri 'none')"
    r"(?=.*frame-ancestors 'none')(?!.*unsafe).*",
    "cache-control": r".+",
    "x-request-id": r"[0-9a-f]{16}",
}
OVER_TLS = {"strict-transport-security": r"max-age=\d{8,}; includeSubDomains"}

ONCE = {*REQUIRED, *OVER_TLS, "server", "content-type"}

UNSPEAKABLE = {
    "a program": re.compile(
        r"\b(gunicorn|werkzeug|flask|jinja2?|sqlalchemy|psycopg\d?|sqlite3?|postgres(ql)?|"
        r"alembic|marshmallow|python|openssl|debian|nginx)\b",
        re.IGNORECASE,
    ),
    "a version": re.compile(r"(?<![\w.])v?\d+\.\d+\.\d+\b(?!\.\d)"),  # an address has one part more
    "a path": re.compile(r"/(usr|home|opt|tmp|var|etc|root|work|lib|site-packages)/|\.py\b"),
    "an exception": re.compile(r"Traceback|\b[A-Z][A-Za-z]+(Error|Exception)\b|line \d+, in "),
    "a statement": re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b"),
    "a number": re.compile(r"\b([012]\d|3[01])(0\d|1[012])\d\d-?\d{4}\b"),
    "a person": re.compile(r"Mette|Frederik|Alma|Karen|Sofie|Silje"),
}


def flaws(
    headers: Iterable[tuple[str, str]],
    body: str,
    *,
    is_https: bool = False,
    may_be_kept: bool = False,
    may_speak: bool = False,
) -> list[str]:
    """What is wrong with an answer, in words; nothing is the empty list.

    `may_be_kept`: caches may hold it. `may_speak`: its body is a document of others' making.
    """
    listed = [(name.lower(), value) for name, value in headers]
    given: Mapping[str, str] = dict(listed)
    expected = REQUIRED | (OVER_TLS if is_https else {})
    found = [
        f"{name}: {given.get(name)!r}"
        for name, pattern in expected.items()
        if re.fullmatch(pattern, given.get(name, "")) is None
    ]
    names = [name for name, _ in listed]
    found += [f"{name} more than once" for name in ONCE if names.count(name) > 1]
    if not may_be_kept and given.get("cache-control") != "no-store":
        found.append(f"may be kept: {given.get('cache-control')!r}")
    if given.get("server", "web") != "web":
        found.append(f"server: {given['server']!r}")
    if not is_https and "strict-transport-security" in given:
        found.append("HSTS over plain HTTP")
    location = given.get("location", "/")
    if not location.startswith("/") or location.startswith("//"):
        found.append(f"location: {location!r}")
    said = "" if may_speak else body
    for name, value in listed:
        said += f"\n{value}" if name not in ("date", "x-request-id") else ""
    for what, pattern in UNSPEAKABLE.items():
        if match := pattern.search(said):
            found.append(f"{what}: {match[0]!r}")
    return found
