"""Base64url without padding (RFC 7515 § 2), one text for each byte string."""

from base64 import urlsafe_b64encode
from binascii import Error, a2b_base64

from consent_service.errors import ConsentServiceError

_TO_STANDARD = str.maketrans("-_", "+/")


class NotBase64Url(ConsentServiceError):
    """The text is not the base64url of anything, or not the one this project writes."""

    code = "not_base64url"


def encode(data: bytes) -> str:
    """The unpadded base64url text of some bytes."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of an unpadded base64url text.

    Refuses padding, other characters and trailing bits that are not zero, so that nobody
    can respell a signed token. Raises NotBase64Url.
    """
    try:
        data = a2b_base64(text.translate(_TO_STANDARD) + "=" * (-len(text) % 4))
    except (Error, ValueError):
        raise NotBase64Url("not base64url") from None
    # The decoder skips what it does not know; only the text we would write passes.
    if encode(data) != text:
        raise NotBase64Url("not base64url in its one spelling")
    return data
