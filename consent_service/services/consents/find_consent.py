"""Find a consent as a caller may know it; what they may not know does not exist."""

from contextlib import suppress

from consent_service.domain.consents.state import ConsentState, state_at
from consent_service.domain.kernel.facts import History
from consent_service.errors import InvalidInput, NotFound
from consent_service.services.children.acts import moment_after
from consent_service.services.consents.model import ConsentFile, Signatory
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, ChildRef

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id of no child (RFC 9562, nil): what storage is asked for where there is none to ask for."""

_UNKNOWN = "There is no such consent."


def controlled_consent(uow: ConsentsUnit, caller: Caller, consent: str) -> ConsentFile:
    """The consent, if the caller's organisation controls it. Raises NotFound otherwise."""
    file = uow.consents.controlled(consent, caller.organisation)
    if file is None:
        raise NotFound(_UNKNOWN)
    return file


def known_consent(
    uow: ConsentsUnit, context: Context, caller: Caller, consent: str
) -> tuple[ConsentFile, History, ConsentState]:
    """The consent, if the caller controls it or was ever covered by it. Raises NotFound.

    A party it never covered must not tell it from one that does not exist, by the time the answer
    takes either: the facts about a child are read in both cases.
    """
    file = uow.consents.get(consent, caller.organisation)
    if file is None:
        with suppress(NotFound):
            uow.children.snapshot(NOBODY)
        raise NotFound(_UNKNOWN)
    history = uow.children.snapshot(file.child).history
    state = state_at(history, consent, moment_after(history, context.clock()))
    if caller.organisation != file.controller and caller.organisation not in state.covered:
        raise NotFound(_UNKNOWN)
    return file, history, state


def child_of(uow: ConsentsUnit, file: ConsentFile) -> ChildRef:
    """The child a consent is about, with the number its controller filed."""
    details = uow.children.details(file.controller, [file.child])
    return ChildRef(file.child, details[file.child].cpr)


def find_signatory(uow: ConsentsUnit, consent: str, signatory: str) -> Signatory:
    """A signatory of a consent, named in a body. Raises InvalidInput."""
    for candidate in uow.consents.signatories(consent):
        if candidate.id == signatory:
            return candidate
    raise InvalidInput.field("/signatory", "This consent has no such signatory.")
