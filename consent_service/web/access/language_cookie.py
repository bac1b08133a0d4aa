"""The language a member of staff chose, kept in their browser: it says nothing about anybody."""

from flask import Response, request

from consent_service.config import Settings
from consent_service.web.frame import forms
from consent_service.web.frame.language import INTERFACE, speak

_COOKIE = "staff-language"
_YEAR_SECONDS = 365 * 24 * 60 * 60


def keep_language(settings: Settings, response: Response, language: str) -> None:
    """Remember the choice for a year."""
    forms.set_cookie(settings, response, _COOKIE, language, max_age=_YEAR_SECONDS)


def speak_chosen_language(settings: Settings) -> None:
    """Answer in the chosen language; without one the browser decides."""
    chosen = request.cookies.get(forms.cookie_name(settings, _COOKIE))
    speak(chosen if chosen in INTERFACE else None)
