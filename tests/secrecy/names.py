"""What two answers may differ in without telling anything, and nothing else.

- An id (UUIDv7), 64 hexadecimal digits (hashes over ids) and 43 characters of base64url (32 random
  bytes: the token of a link, a salt, a cookie) stand as a name, counted by first occurrence: who
  is named where, and how often, is compared.
- What is signed or coded is opened: of a seal and a promise the header and the payload are
  compared, and not the signature; terms, headers and bodies as what they say.
- A cursor is sealed, anew each time: of it only its length is compared.
- An entry's place in the tree (index, path, checkpoint) is left out, and with it the length of
  that answer: the tree is the whole deployment's, and its size is public.
- So are the header X-Request-Id, and the address of the stand-in for MitID.

Instants are compared as they are, to the microsecond: both worlds have the same clock.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug.test import TestResponse

from consent_service.signing import base64url

IN_THE_TREE = "in the tree"
_FRESH = re.compile(
    r"(?<![0-9a-f-])[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?<![0-9A-Za-z_-])(?:[0-9a-f]{64}|[0-9A-Za-z_-]{43})(?![0-9A-Za-z_-])"
)
_SIGNED = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_OF_THE_TREE = ("proof", "checkpoint")
_CODED = ("terms", "header", "body")
_CODED_JSON = re.compile(r"eyJ[\w-]+$", re.ASCII)
_OF_THE_REQUEST = "X-Request-Id"

Content = Any
Filter = Callable[[Content], Content]


@dataclass
class Names:
    """The names of one world, and where its stand-in for MitID is."""

    provider: str
    known: dict[str, str] = field(default_factory=dict)

    def of(self, text: str) -> str:
        """A text with names in it."""
        return _FRESH.sub(
            lambda found: self._name(found[0]), text.replace(self.provider, "http://provider")
        )

    def copy(self) -> "Names":
        """The same names, to be kept or given up."""
        return replace(self, known=dict(self.known))

    def _name(self, fresh: str) -> str:
        kind = "id" if len(fresh) == 36 else "value"
        return self.known.setdefault(fresh, f"{kind}·{len(self.known)}")

    def told(
        self,
        answer: TestResponse,
        seen: Filter = lambda content: content,
        unseen: re.Pattern[str] | None = None,
    ) -> str:
        """All that an answer says: status, headers and body.

        Of JSON only what `seen` leaves, of a page all but what is `unseen`.
        """
        content = content_of(answer)
        if content is None:
            page = answer.get_data(as_text=True)
            text = unseen.sub("", page) if unseen else page
            is_whole = text == page
        else:
            text = json.dumps(seen(content), ensure_ascii=False, indent=0)
            is_whole = IN_THE_TREE not in text and seen(content) == content
        headers = [
            f"{name}: {_link(value) if name == 'Link' else value}"
            for name, value in answer.headers
            if name != _OF_THE_REQUEST and (is_whole or name != "Content-Length")
        ]
        return self.of("\n".join([answer.status, *headers, "", text]))


def content_of(answer: TestResponse) -> Content:
    """The JSON of an answer, each line of JSON Lines, opened; None for anything else."""
    text = answer.get_data(as_text=True)
    if answer.mimetype == "application/jsonl":
        return [opened(json.loads(line)) for line in text.splitlines()]
    return opened(json.loads(text)) if answer.is_json else None


def opened(value: Content, member: str = "") -> Content:
    """A JSON value with all that is coded in it opened."""
    if member in _OF_THE_TREE and value is not None:
        return IN_THE_TREE
    if isinstance(value, dict):
        return {name: opened(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [opened(one) for one in value]
    return _opened_text(value, member) if isinstance(value, str) else value


def _opened_text(value: str, member: str) -> Content:
    if member in _CODED and _CODED_JSON.match(value):
        return opened(json.loads(base64url.decode(value)))
    if member == "next":
        return _cursor(value)
    if _SIGNED.fullmatch(value) and value.startswith("ey"):
        header, payload, _ = value.split(".")
        return [opened(json.loads(base64url.decode(part))) for part in (header, payload)]
    return value


def _cursor(value: str) -> str:
    """What can be seen of a sealed cursor: how long it is."""
    return f"cursor of {len(value)}"


def _link(value: str) -> str:
    """The address of the next page, without what only the service can open."""
    address, _, rest = value.partition(">")
    query = dict(parse_qsl(urlsplit(address.removeprefix("<")).query))
    return f"{opened({'next': query.pop('cursor')})} {query} {rest}"
