"""Roles, refusals and errors in words."""

from flask_babel import gettext

from consent_service.domain.access.staff import StaffRole

REFUSALS = (
    "access_denied",
    "assurance_too_low",
    "id_token_invalid",
    "no_organisation",
    "no_role",
    "not_fresh",
    "organisation_unknown",
    "provider_refused",
    "provider_unreachable",
    "several_organisations",
    "state_mismatch",
)
_NO_ACCESS = ("no_role", "no_organisation", "organisation_unknown")


def role_words(role: StaffRole) -> tuple[str, str]:
    """What a role is called, and what it is for."""
    if role is StaffRole.DPO:
        return (
            gettext("Data-protection officer"),
            gettext("You look after the log where your organisation is responsible or took part."),
        )
    return gettext("Operator"), gettext("You look after the running of the service.")


def refusal_words(code: str) -> tuple[str, list[str], int]:
    """A title, what happened and what to do, and the HTTP status."""
    again = gettext("Log in once more. If it still does not work, ask whoever runs the service.")
    if code == "access_denied":
        sentence = gettext("Nothing has happened. You can log in when you are ready.")
        return gettext("You stopped before you were logged in"), [sentence], 403
    if code == "provider_unreachable":
        sentence = gettext("Your organisation’s login does not answer just now. Try again later.")
        return gettext("The login does not answer"), [sentence], 503
    if code in _NO_ACCESS:
        sentences = [
            gettext("You are logged in at your organisation, but have no role in this service."),
            gettext("Ask whoever manages your organisation’s users to give you one."),
        ]
        return gettext("You do not have access"), sentences, 403
    if code == "several_organisations":
        sentences = [
            gettext("Your user belongs to more than one organisation in this service."),
            gettext("Ask whoever manages your organisation’s users to leave you in only one."),
        ]
        return gettext("You do not have access"), sentences, 403
    if code == "assurance_too_low":
        sentence = gettext("The service asks for a stronger login, such as one with two steps.")
        return gettext("The login was not strong enough"), [sentence, again], 403
    if code == "not_fresh":
        sentence = gettext("The service asks for a login that was made more recently.")
        return gettext("The login was too old"), [sentence, again], 403
    sentence = gettext("You were not logged in, and nothing was shown.")
    return gettext("The login did not succeed"), [sentence, again], 403


def error_words(status: int) -> tuple[str, list[str], bool]:
    """A title, what happened and what to do, and whether to offer the way back."""
    if status == 404:
        return gettext("There is no such page"), [gettext("The address may be wrong.")], True
    if status == 429:
        sentence = gettext("There were many attempts in a short while. Wait a minute.")
        return gettext("Wait a moment"), [sentence], True
    if status in (500, 503):
        sentence = gettext("You have done nothing wrong. Try again in a little while.")
        return gettext("Something is not working on our side"), [sentence], True
    sentences = [
        gettext("Nothing was saved and nothing was changed."),
        gettext("Go on to the page and try again."),
    ]
    return gettext("The page was out of date"), sentences, True
