"""A person at the stand-in's login page, without a browser: reads the form and presses a button."""

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.buttons: dict[str, tuple[str, str]] = {}
        self._button: tuple[str, str] | None = None

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "form":
            self.action = values["action"]
        elif tag == "input":
            self.hidden[values["name"]] = values["value"]
        elif tag == "button":
            self._button = (values["name"], values["value"])

    def handle_endtag(self, tag):
        if tag == "button":
            self._button = None

    def handle_data(self, data):
        if self._button and data.strip():
            self.buttons.setdefault(data.strip(), self._button)


class Page:
    """A login page as it was answered."""

    def __init__(self, url: str) -> None:
        self.url = url
        with _session() as session:
            self.response = session.get(url, timeout=5, allow_redirects=False)
        self.form = _Form()
        self.form.feed(self.response.text)

    def press(self, label: str) -> requests.Response:
        """The answer to the button with these words on it."""
        name, value = self.form.buttons[label]
        with _session() as session:
            return session.post(
                urljoin(self.url, self.form.action),
                data={**self.form.hidden, name: value},
                timeout=5,
                allow_redirects=False,
            )


def press(url: str, label: str) -> dict[str, str]:
    """Open a login page, press a button, and give what the client is sent in the address."""
    return query_of(Page(url).press(label).headers["Location"])


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session
