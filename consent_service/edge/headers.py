"""Headers of every answer, errors included, and the plain answer where no view could give one."""

import json
from collections.abc import Iterable

Headers = list[tuple[str, str]]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_DENIED_FEATURES = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture",
    "encrypted-media", "fullscreen", "geolocation", "gyroscope", "magnetometer", "microphone",
    "midi", "payment", "picture-in-picture", "publickey-credentials-get",
    "screen-wake-lock", "usb", "xr-spatial-tracking",
)  # fmt: skip

ALWAYS: tuple[tuple[str, str], ...] = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", ", ".join(f"{name}=()" for name in _DENIED_FEATURES)),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
OVER_TLS = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")

UNLESS_SET: tuple[tuple[str, str], ...] = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Cache-Control", "no-store"),
)
"""A view may set these itself: a page whose form ends at the login, a file that may be kept."""

REQUEST_ID = "X-Request-Id"


def harden(headers: Iterable[tuple[str, str]], request_id: str, *, is_https: bool) -> Headers:
    """An answer's headers with ours added. Nobody but us sets one of ours."""
    kept = list(headers)
    names = {name.lower() for name, _ in kept}
    kept += ALWAYS
    if is_https:
        kept.append(OVER_TLS)
    kept += [header for header in UNLESS_SET if header[0].lower() not in names]
    kept.append((REQUEST_ID, request_id))
    return kept


def plain_problem(status: int, title: str, code: str) -> tuple[Headers, bytes]:
    """A problem document (RFC 9457) that says nothing about what was asked or what failed."""
    members = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": "",
        "code": code,
    }
    body = json.dumps(members).encode()
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
    ]
    return headers, body
