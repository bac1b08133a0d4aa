"""Addresses of others: which are on this machine, and which keep a secret."""

from urllib.parse import urlsplit

from consent_service.config import LOOPBACK


def is_loopback(url: str) -> bool:
    """Whether an address lies on this machine."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


def is_safe_address(url: str) -> bool:
    """Whether what is sent there stays secret: TLS, or this machine alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
    )
