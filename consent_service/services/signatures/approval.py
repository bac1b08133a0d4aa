"""The second login that a template may demand: the signer approves a text in MitID (at most 130).

The text names the controller, the answer and the beginning of the terms' hash, and nothing about
the child: the phone that shows it may lie on a table.
"""

from typing import Literal

from consent_service.errors import Conflict
from consent_service.services.catalogue.model import TemplateVersion
from consent_service.services.signatures.identity import Identity

Answer = Literal["grant", "part", "decline", "withdraw", "lift"]
"""What is approved; `part` is a grant that leaves something out."""

LONGEST = 130
HASH_DIGITS = 16

_WORDS: dict[str, dict[Answer, str]] = {
    "da": {
        "grant": "Du giver samtykke til det, du har læst.",
        "part": "Du giver samtykke til en del af det, du har læst.",
        "decline": "Du giver ikke samtykke.",
        "withdraw": "Du trækker dit samtykke tilbage.",
        "lift": "Du tager dit nej tilbage.",
    },
    "en": {
        "grant": "You consent to what you have read.",
        "part": "You consent to a part of what you have read.",
        "decline": "You do not consent.",
        "withdraw": "You withdraw your consent.",
        "lift": "You take your no back.",
    },
}
_REFUSED_BY_MITID = str.maketrans("", "", "<>%")


def approval_text(controller: str, answer: Answer, terms_sha256: str, language: str) -> str:
    """What the signer sees in MitID: answer, controller (cut if it is long), terms."""
    words = _WORDS.get(language, _WORDS["en"])[answer]
    end = f" {words} ({terms_sha256[:HASH_DIGITS]})"
    name = controller.translate(_REFUSED_BY_MITID)
    room = LONGEST - len(end) - 1
    if len(name) > room:
        name = name[: room - 1] + "…"
    return f"{name}:{end}"


def check_approved(
    identity: Identity, template: TemplateVersion, expected: str, terms_sha256: str
) -> None:
    """Raise Conflict unless the login was for these terms, and for this text where one is due."""
    if identity.offered_sha256 != terms_sha256:
        raise Conflict("login_for_other_terms", "The login was made for other terms.")
    if template.text_bound_login and identity.approved_text != expected:
        raise Conflict("text_not_approved", "The text was not approved in a login of its own.")
