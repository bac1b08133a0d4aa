"""A family at the signing pages: the service, the test login, a browser without a screen."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import TestResponse

from consent_service.config import SignerProviderSettings
from mitid_stand_in.provider import Person, create_app, new_key
from mitid_stand_in.server import bind
from tests.deployment import FATHER, MOTHER, Deployment, SettableClock, deploy
from tests.integration.stand_in_browser import Page

CLIENT_ID = "urn:consent:test"
CLIENT_SECRET = "made up + for tests: 100 %"

METTE = Person(MOTHER, "Mette Mor", "Almas mor")
FREDERIK = Person(FATHER, "Frederik Far", "Almas far")
STRANGER = Person("0303811115", "Sofie Fremmed", "har intet med sagen at gøre")
SILJE = Person("1003114320", "Silje Test", "15 år")
ASTA = Person("1502124320", "Asta Test", "15 år i februar 2027")
PEOPLE = (METTE, FREDERIK, STRANGER, SILJE, ASTA)
PROVIDER_KEY = new_key()


class QuietHandler(WSGIRequestHandler):
    """Writes no access log: the token of a link is in the address."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def serving(server: BaseWSGIServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def household(
    database_url: str, folder: Path, base_url: str = "http://localhost:8000"
) -> Iterator[Deployment]:
    """A deployment whose signers log in at a stand-in that lives by the same clock."""
    clock = SettableClock()
    stand_in, issuer = bind(
        PEOPLE,
        CLIENT_ID,
        CLIENT_SECRET,
        f"{base_url}/sign/callback/mitid",
        make_app=lambda config: create_app(
            config, clock=lambda: clock().timestamp(), key=PROVIDER_KEY
        ),
    )
    provider = SignerProviderSettings(issuer, CLIENT_ID, CLIENT_SECRET, "dk.cpr", "acr")
    with serving(stand_in):
        deployment = deploy(database_url, folder, base_url=base_url, provider=provider, clock=clock)
        try:
            yield deployment
        finally:
            deployment.close()


def free_server() -> BaseWSGIServer:
    """A server on a free port; its application comes once the address is known."""
    return make_server("127.0.0.1", 0, Flask("later"), threaded=True, request_handler=QuietHandler)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.words: list[str] = []
        self.title = ""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values["action"]))
        elif tag == "input":
            form = self.forms[-1]
            if values["type"] == "checkbox":
                form.boxes[values["name"], values["value"]] = "checked" in values
            else:
                form.hidden[values["name"]] = values["value"]
        elif tag == "button" and "disabled" not in values:
            form = self.forms[-1]
            form.buttons.append(values.get("formaction", form.action))
        self._in_title = tag == "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif data.strip():
            self.words.append(" ".join(data.split()))

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False


@dataclass
class Form:
    """A form of a page: what it carries, and what its buttons lead to."""

    action: str
    hidden: dict[str, str] = field(default_factory=dict)
    boxes: dict[tuple[str, str], bool] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)

    def content(self) -> list[tuple[str, str]]:
        return [*self.hidden.items(), *(box for box, ticked in self.boxes.items() if ticked)]


def read(response: TestResponse) -> _Reader:
    reader = _Reader()
    # A name is isolated within its sentence, which goes on without a space.
    reader.feed(re.sub(r"</?bdi>", "", response.get_data(as_text=True)))
    return reader


def words(response: TestResponse) -> str:
    """What a reader sees, without the tags."""
    return " ".join(read(response).words)


@dataclass
class Signer:
    """Somebody with a browser of their own."""

    deployment: Deployment
    who: Person = METTE
    language: str | None = None
    client: FlaskClient = field(init=False)
    page: TestResponse = field(init=False)
    home: ClassVar[str] = "/sign/"

    def __post_init__(self) -> None:
        self.client = self.deployment.app.test_client()

    @property
    def base_url(self) -> str:
        return self.deployment.settings.base_url

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        headers = {"Accept-Language": self.language} if self.language else {}
        return self.client.get(
            path, base_url=self.base_url, headers={**headers, **kwargs.pop("headers", {})}, **kwargs
        )

    def see(self, path: str | None = None) -> TestResponse:
        self.page = self.get(path or self.home)
        return self.page

    def post(self, path: str, data: Any, **kwargs: Any) -> TestResponse:
        return self.client.post(path, base_url=self.base_url, data=_multi(data), **kwargs)

    def open(self, url: str) -> TestResponse:
        """Follow a link."""
        answer = self.get(urlsplit(url).path)
        assert answer.status_code == 303, words(answer)
        assert answer.headers["Location"] == "/sign/"
        return self.see()

    def form(self, action: str) -> Form:
        """The form of the page with a button that leads there."""
        return next(f for f in read(self.page).forms if action in f.buttons)

    def press(
        self, action: str, *, without: tuple[str, ...] = (), then: bool = True
    ) -> TestResponse:
        """Press a button; `without` are boxes to untick first."""
        form = self.form(action)
        data = [(name, value) for name, value in form.content() if value not in without]
        answer = self.post(action, data)
        if answer.status_code == 303 and then:
            return self.see(urljoin(self.home, answer.headers["Location"]))
        self.page = answer
        return answer

    def to_provider(self) -> str:
        """Press the login button; the provider's address."""
        answer = self.press(urljoin(f"{self.home.rstrip('/')}/", "login"), then=False)
        assert answer.status_code == 303, words(answer)
        return str(answer.headers["Location"])

    def come_back(self, address: str) -> TestResponse:
        """Follow the provider's answer."""
        parts = urlsplit(address)
        answer = self.get(f"{parts.path}?{parts.query}")
        if answer.status_code == 303:
            return self.see(urljoin(self.home, answer.headers["Location"]))
        self.page = answer
        return answer

    def log_in(self, who: Person | None = None) -> TestResponse:
        at_provider = self.to_provider()
        answer = Page(at_provider).press((who or self.who).name)
        return self.come_back(answer.headers["Location"])

    def arrive(self, url: str) -> TestResponse:
        """Follow a link and log in."""
        self.open(url)
        return self.log_in()


def _multi(data: Any) -> Any:
    if not isinstance(data, list):
        return data
    multi: dict[str, list[str]] = {}
    for name, value in data:
        multi.setdefault(name, []).append(value)
    return multi


def links(asked: dict[str, Any]) -> dict[str, str]:
    """Each signatory's link, by name."""
    return {one["name"]: one["signing_url"] for one in asked["signatories"] if "signing_url" in one}


def entries(deployment: Deployment, consent: str) -> list[dict[str, Any]]:
    """The bodies of every entry of the log about a consent, oldest first."""
    answer = deployment.get("/v1/audit/entries?limit=200")
    assert answer.status_code == 200, answer.json
    bodies = [one["body"] for one in answer.json["items"]]
    return [body for body in bodies if body.get("consent") == consent]


def entry_types(deployment: Deployment, consent: str) -> list[str]:
    return [body["type"] for body in entries(deployment, consent)]


def acts(deployment: Deployment, consent: str) -> list[str]:
    """What signers did, as the log has it."""
    kinds = ("consent_granted", "consent_declined", "consent_withdrawn", "consent_lifted")
    return [type_ for type_ in entry_types(deployment, consent) if type_ in kinds]


def new_link(deployment: Deployment, asked: dict[str, Any], name: str = "Mette Mor") -> str:
    """A new link for a signer; the old one is dead."""
    body = {"performed_by": {"id": "e1", "name": "Karen"}}
    answer = deployment.post(f"/v1/consents/{asked['id']}/links", body)
    return links(answer.json)[name]


def cookie_of(signer: Signer, name: str = "signing") -> str:
    """The secret of a browser's session, over plain HTTP."""
    cookie = signer.client.get_cookie(name, domain="localhost")
    assert cookie is not None
    return cookie.value
