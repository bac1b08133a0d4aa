"""A browser without a screen: follows links and presses the buttons of plain HTML forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

TIMEOUT_SECONDS = 20


@dataclass
class Form:
    """A form on a page: where it goes, its fields as they stand, and its buttons by their words."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: dict[str, tuple[str, str] | None] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text: list[str] = []
        self._button: tuple[tuple[str, str] | None, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get").lower()))
        elif tag == "input" and self.forms:
            ticks = values.get("type") in ("checkbox", "radio")
            if "name" in values and (not ticks or "checked" in values):
                self.forms[-1].fields.append((values["name"], values.get("value", "on")))
        elif tag == "button" and self.forms:
            named = (values["name"], values.get("value", "")) if "name" in values else None
            self._button = (named, [])

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button is not None:
            named, words = self._button
            self.forms[-1].buttons[" ".join(" ".join(words).split())] = named
            self._button = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._button is not None:
            self._button[1].append(data)


class Browser:
    """One person's browser, with cookies of its own."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self.url = ""
        self.status = 0
        self._page = _Reader()

    def open(self, url: str) -> None:
        """Go to an address, redirects included."""
        self._took(self._session.get(url, timeout=TIMEOUT_SECONDS))

    def press(self, action: str, *, button: str = "", **values: str) -> None:
        """Submit the form whose action ends so, by the button whose words begin so."""
        form = next(f for f in self._page.forms if f.action.endswith(action))
        fields = [*form.fields, *values.items()]
        if button:
            named = next(n for words, n in form.buttons.items() if words.startswith(button))
            fields += [named] if named else []
        target = urljoin(self.url, form.action or self.url)
        self._took(self._session.post(target, data=fields, timeout=TIMEOUT_SECONDS))

    def download(self, path: str) -> bytes:
        """Fetch a file without leaving the page."""
        answer = self._session.get(urljoin(self.url, path), timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.content

    @property
    def text(self) -> str:
        """What the page says."""
        return " ".join(" ".join(self._page.text).split())

    def close(self) -> None:
        """Forget everything."""
        self._session.close()

    def _took(self, answer: requests.Response) -> None:
        self.url, self.status = answer.url, answer.status_code
        self._page = _Reader()
        self._page.feed(answer.text)
