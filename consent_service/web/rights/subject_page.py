"""A person's export as a page: one HTML file that needs nothing else, and runs nothing."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from babel.dates import format_date, format_datetime
from jinja2 import Environment, PackageLoader, StrictUndefined

from consent_service.domain.kernel.calendar import COPENHAGEN
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.web.frame.language import own_name
from consent_service.web.frame.rendering import isolated
from consent_service.web.rights.subject_words import CODES, WORDS

Language = Literal["da", "en"]

_LOCALES = {"da": "da", "en": "en_GB"}
_MOMENTS = {"da": "d. MMMM y 'kl.' HH.mm", "en": "d MMMM y, HH:mm"}
_DAYS = {"da": "d. MMMM y", "en": "d MMMM y"}

_pages = Environment(
    loader=PackageLoader("consent_service", "web/templates/export"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def subject_page(export: Mapping[str, Any], language: Language) -> str:
    """The export (`services.rights.export_subject`) for a reader."""
    words, codes = WORDS[language], CODES[language]
    named = export["words"].get(language) or export["words"].get("da", {})
    number = CprNumber(export["cpr"]).value

    def moment(text: str) -> str:
        local = datetime.fromisoformat(text).astimezone(COPENHAGEN).replace(tzinfo=None)
        return format_datetime(local, _MOMENTS[language], locale=_LOCALES[language])

    def day(text: str) -> str:
        return format_date(date.fromisoformat(text), _DAYS[language], locale=_LOCALES[language])

    def organisation(id_: str) -> str:
        name = export["organisations"].get(id_)
        return isolated(name) if name else codes.get(id_, id_)

    return _pages.get_template("person.html").render(
        export=export,
        language=language,
        w=words,
        number=f"{number[:6]}-{number[6:]}",
        moment=moment,
        day=day,
        code=lambda value: codes.get(value, value),
        organisation=organisation,
        purpose=lambda slug: named.get("purposes", {}).get(slug, slug),
        category=lambda slug: named.get("categories", {}).get(slug, slug),
        own_name=own_name,
        bdi=isolated,
        is_dpo=export["audience"] == "dpo",
    )
