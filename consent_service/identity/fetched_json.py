"""JSON from a provider's address: no redirect, and neither time nor memory without end.

Who asks for it may be anybody at all, so a slow or lying address must not keep our threads.
"""

import json
import time
from typing import Any

import requests
import urllib3
from requests.auth import AuthBase

from consent_service.identity.addresses import is_loopback
from consent_service.identity.jwt_parts import verify_text

LARGEST_DOCUMENT = 256 * 1024
_PIECE = 16 * 1024


class NoDocument(ValueError):
    """The address gave nothing that can be used. The message never repeats what it gave."""


class _Bearer(AuthBase):
    """An access token, or nothing; and `requests` looks for no password in ~/.netrc."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def fetch_json(url: str, timeout_seconds: float, *, bearer: str | None = None) -> Any:
    """GET a document of 256 KiB at most, in twice that time at most. Raises NoDocument."""
    deadline = time.monotonic() + 2 * timeout_seconds
    try:
        with requests.Session() as session:
            session.trust_env = not is_loopback(url)  # no proxy between us and ourselves
            with session.get(
                url,
                auth=_Bearer(bearer),
                timeout=timeout_seconds,
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code != 200:
                    raise NoDocument("the address answers with another status")
                body = bytearray()
                # What has come, however little: `iter_content` would wait for a whole piece.
                while chunk := response.raw.read1(_PIECE, decode_content=True):
                    body += chunk
                    if len(body) > LARGEST_DOCUMENT or time.monotonic() > deadline:
                        raise NoDocument("the answer is too long")
        document = json.loads(body)
        verify_text(document)
        return document
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        raise NoDocument("no answer") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, NoDocument):
            raise
        raise NoDocument("the answer is not JSON") from None
