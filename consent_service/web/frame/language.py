"""In which language a page speaks, and how it writes dates: Danish and English.

Before login nothing is known about anybody, so the browser decides; afterwards the signer's own
language does, unless they chose another. A consent's text may have more languages than these:
then the page around it is in English.
"""

from datetime import date, datetime
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from flask import g, request
from flask_babel import ngettext, refresh

from consent_service.domain.kernel.calendar import COPENHAGEN
from consent_service.domain.kernel.validity import Validity

INTERFACE = ("da", "en")
FALLBACK = "en"
TEXT_FALLBACK = "da"

_LOCALES = {"da": "da", "en": "en_GB"}
_DATES = {"da": "d. MMMM y", "en": "d MMMM y"}
_MOMENTS = {"da": "d. MMMM y 'kl.' HH.mm", "en": "d MMMM y, HH:mm"}
_OWN_NAMES = {"da": "Dansk", "en": "English"}


def interface_language() -> str:
    """The language of this page."""
    chosen = g.get("page_language") or _preferred_by_the_browser()
    return chosen if chosen in INTERFACE else FALLBACK


def locale_name() -> str:
    """What Flask-Babel asks for."""
    return _LOCALES[interface_language()]


def speak(language: str | None) -> None:
    """Choose the language of the rest of this request; None leaves it to the browser."""
    g.page_language = language
    refresh()


def _preferred_by_the_browser() -> str:
    if not request.accept_languages:
        return INTERFACE[0]
    return request.accept_languages.best_match(INTERFACE) or FALLBACK


def text_language(available: frozenset[str], *wanted: str | None) -> str:
    """The first wanted language that a template has; else Danish, else any."""
    wishes = (*wanted, TEXT_FALLBACK, FALLBACK, *sorted(available))
    return next(language for language in wishes if language in available)


def own_name(language: str) -> str:
    """What a language calls itself."""
    locale = _locale(language)
    found = locale.get_display_name(language) if locale else None
    return _OWN_NAMES.get(language) or found or language


def direction(language: str) -> str:
    """`ltr` or `rtl`."""
    locale = _locale(language)
    return locale.text_direction if locale else "ltr"


def _locale(language: str) -> Locale | None:
    try:
        return Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        return None


def moment(instant: datetime) -> str:
    """An instant as Danish clocks showed it."""
    language = interface_language()
    local = instant.astimezone(COPENHAGEN).replace(tzinfo=None)
    return format_datetime(local, _MOMENTS[language], locale=_LOCALES[language])


def day(value: date | datetime) -> str:
    """A date, or the Danish date of an instant."""
    if isinstance(value, datetime):
        value = value.astimezone(COPENHAGEN).date()
    language = interface_language()
    return format_date(value, _DATES[language], locale=_LOCALES[language])


def period(validity: Validity) -> str:
    """How long a consent can last, in words."""
    years, months = divmod(validity.months, 12)
    counted: list[tuple[int, Any]] = [
        (years, ngettext("%(num)d year", "%(num)d years", years)),
        (months, ngettext("%(num)d month", "%(num)d months", months)),
        (validity.days, ngettext("%(num)d day", "%(num)d days", validity.days)),
    ]
    return ", ".join(words for count, words in counted if count)
