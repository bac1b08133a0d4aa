"""Where a consent stands, in plain words for one signer.

While a consent is incomplete nothing here tells whether somebody else refused or is silent (R11):
the words depend on what `services.signatures.signing_page` shows, and on the signer's own
act alone.
"""

from dataclasses import dataclass

from flask_babel import gettext
from markupsafe import escape

from consent_service.domain.consents.state import Status
from consent_service.domain.kernel.facts import ActKind
from consent_service.services.signatures.signing_page import ConsentPage, Signer
from consent_service.web.frame.language import day
from consent_service.web.frame.rendering import isolated


@dataclass(frozen=True)
class StateWords:
    """A heading, and the sentences below it."""

    title: str
    sentences: tuple[str, ...]


def state_words(page: ConsentPage, signer: Signer) -> StateWords:
    """The state of the consent as this signer may know it."""
    match page.status:
        case Status.AWAITING_SIGNATURES:
            return _awaiting(page)
        case Status.INCOMPLETE:
            return _incomplete(page)
        case Status.IN_FORCE:
            return _in_force(page)
        case Status.DECLINED:
            return _declined(page)
        case _:
            return _ended(page, signer)


def _awaiting(page: ConsentPage) -> StateWords:
    nobody = gettext("Until then nothing may be shared on the basis of this consent.")
    if page.own is ActKind.GRANT:
        return StateWords(
            gettext("You have given consent. It does not apply yet."),
            (
                gettext("It applies once everybody who must sign has given consent."),
                nobody,
                gettext("You do not need to do anything more."),
            ),
        )
    return StateWords(
        gettext("The consent does not apply yet"),
        (gettext("It applies once everybody who must sign has given consent."), nobody),
    )


def _incomplete(page: ConsentPage) -> StateWords:
    sentences = [
        gettext(
            "Somebody else must sign as well now. "
            "Until then nothing may be shared on the basis of this consent."
        )
        if page.own is ActKind.GRANT
        else gettext("Until everybody who must sign has given consent, nothing may be shared.")
    ]
    if page.own is ActKind.GRANT:
        sentences.append(gettext("You do not need to do anything more."))
    return StateWords(gettext("The consent does not apply at the moment"), tuple(sentences))


def _in_force(page: ConsentPage) -> StateWords:
    sentences = [gettext("Everybody who must sign has given consent.")]
    if page.expires_at is not None:
        sentences.append(
            gettext("It ends by itself on %(day)s at the latest.", day=day(page.expires_at))
        )
    sentences.append(gettext("You can withdraw it whenever you want."))
    return StateWords(gettext("The consent applies"), tuple(sentences))


def _declined(page: ConsentPage) -> StateWords:
    sentences = [gettext("Nothing may be shared on the basis of this consent.")]
    if page.can_grant:
        sentences.append(gettext("If you change your mind, you can still give consent below."))
        if page.last_day is not None:
            sentences.append(
                gettext(
                    "You can do so until and including %(day)s. After that your no is final.",
                    day=day(page.last_day),
                )
            )
    else:
        sentences.append(gettext("The time for answering is over. You do not need to do more."))
    title = gettext("You have not given consent")
    if page.own_recorded_by is not None:
        title = gettext("A no was recorded in your name")
    return StateWords(title, tuple(sentences))


def _withdrawn_title(page: ConsentPage) -> str:
    title: str = gettext("The consent has been withdrawn")
    if page.own is ActKind.WITHDRAW:
        title = gettext("You have withdrawn your consent")
        if page.own_recorded_by is not None:
            title = gettext("Your consent was withdrawn in your name")
    return title


def _ended(page: ConsentPage, signer: Signer) -> StateWords:
    title = {
        Status.LAPSED: gettext("The time for answering is over"),
        Status.WITHDRAWN: _withdrawn_title(page),
        Status.EXPIRED: gettext("The consent has ended"),
        Status.CANCELLED: gettext("The request was taken back"),
        Status.SUPERSEDED: gettext("A newer consent has taken over"),
    }[page.status]
    name = signer.terms.controller.name
    why = {
        Status.LAPSED: gettext("Not everybody had given consent in time."),
        Status.WITHDRAWN: gettext("What was shared before cannot be called back."),
        Status.EXPIRED: gettext("Its time is over."),
        Status.CANCELLED: escape(gettext("%(name)s no longer asks for this consent."))
        % {"name": isolated(name)},
        Status.SUPERSEDED: gettext("The newer one applies instead of this one."),
    }[page.status]
    return StateWords(
        title, (gettext("Nothing more may be shared on the basis of this consent."), why)
    )
