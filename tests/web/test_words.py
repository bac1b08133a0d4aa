"""The words: every one translated, none forgotten, and a default template that can be published."""

import json
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import consent_service.web
from tests.deployment import ORGANISATIONS

WEB = Path(consent_service.web.__file__).parent
LANGUAGES = ("da", "en")
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}


def words_in_the_code() -> set[str]:
    found = extract_from_dir(WEB, METHODS, keywords=KEYWORDS)
    return {_key(message) for _, _, message, *_ in found}


def _key(message: object) -> str:
    return str(message[0] if isinstance(message, tuple | list) else message)


def catalogue(language: str) -> Catalog:
    content = (WEB / "translations" / language / "LC_MESSAGES" / "messages.po").read_bytes()
    return read_po(BytesIO(content), locale=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_has_its_translation_and_none_is_left_over(language):
    listed = {_key(message.id): message for message in catalogue(language) if message.id}
    assert set(listed) == words_in_the_code()
    for message in listed.values():
        texts = message.string if isinstance(message.string, tuple | list) else [message.string]
        assert all(texts), message.id
        assert not message.fuzzy
        assert not list(message.check())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_the_written_one(language):
    path = WEB / "translations" / language / "LC_MESSAGES" / "messages.mo"
    compiled = read_mo(BytesIO(path.read_bytes()))
    assert _strings(compiled) == _strings(catalogue(language))


def _strings(words: Catalog) -> dict[str, list[str]]:
    return {
        _key(m.id): [m.string] if isinstance(m.string, str) else list(m.string)
        for m in words
        if m.id
    }


def test_danish_is_danish():
    same = {_key(m.id) for m in catalogue("da") if m.id and m.id == m.string}
    assert same == set()


def test_the_default_template_can_be_published(small_home):
    text = (files("consent_service") / "default_template.json").read_text(encoding="utf-8")
    content = json.loads(text)
    answer = small_home.post("/v1/templates", content)
    assert answer.status_code == 201, answer.json
    assert answer.json["version"] == 2
    assert set(content["texts"]) == {"da", "en"}
    assert content["max_validity"] == "P1Y"
    asked = small_home.ask(categories=content["categories"])
    assert asked["template"]["version"] == 2
    assert len(ORGANISATIONS) == 5
