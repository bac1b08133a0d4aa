"""A municipal system's side of the demo: plain HTTP with a bearer token."""

import uuid
from typing import Any

import requests

TIMEOUT_SECONDS = 20


class System:
    """One organisation's system, calling the service."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str, body: dict[str, Any]) -> requests.Response:
        """Send a body once, under a fresh Idempotency-Key."""
        return self._session.post(
            self._base_url + path,
            json=body,
            headers={"Idempotency-Key": str(uuid.uuid4())},
            timeout=TIMEOUT_SECONDS,
        )

    def get(self, path: str) -> requests.Response:
        """Read."""
        return self._session.get(self._base_url + path, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
