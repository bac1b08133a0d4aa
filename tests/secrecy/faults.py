"""Faults that tell Z of X, each put in the place of the code: the two worlds must find them all."""

from tests.unit.domain.broken_sentences import MUTANTS
from tests.unit.domain.code_mutants import CodeMutant

_BREAKS = (
    "refusals under other controllers' requests overtake a paper",
    "every denial is named to everybody",
    "whom anybody calls a holder sees what all of them do",
    "another's look-ups make one's own old",
)

FAULTS = [
    *(one for one in MUTANTS if one.breaks in _BREAKS),
    CodeMutant(
        "R5f",
        "whoever anybody calls a holder must sign",
        "domain.consents.signers",
        "        if not isinstance(fact, Request | CustodyChange) or fact.controller != controller"
        ":\n"
        "            continue\n"
        "        if isinstance(fact, CustodyChange) and fact.id in corrected:",
        "        if not isinstance(fact, Request | CustodyChange):\n"
        "            continue\n"
        "        if isinstance(fact, CustodyChange) and fact.id in corrected:",
    ),
    CodeMutant(
        "R5f",
        "a no told once more is recorded where its signer has said yes elsewhere",
        "services.signatures.sign",
        "        evidence.attested_by is None\n        and latest is not None",
        "        latest is not None",
    ),
    CodeMutant(
        "R5f",
        "a lift on paper counts where nothing was cleared elsewhere",
        "services.signatures.sign",
        "own_denials(act.history.under(file.controller), request, person)",
        "own_denials(act.history, request, person)",
    ),
    CodeMutant(
        "R5h",
        "a denial is told though a consent of one's own lacks something",
        "domain.disclosures.decision",
        "    return told or _closest(candidates)",
        "    return told or _stopped(known, transfer, candidates[0].request, caller, visible, "
        "instant)"
        " or _closest(candidates)",
    ),
    CodeMutant(
        "A2",
        "another controller's log is read",
        "persistence.log.tenancy",
        "    return log_body.c.controller_id == viewer",
        '    return log_body.c.controller_id != "operator"',
    ),
    CodeMutant(
        "A2",
        "names are those that any controller has filed",
        "persistence.children.children_store",
        "                person_details.c.organisation_id == controller,\n"
        "                person_details.c.person_id.in_(list(persons)),",
        "                person_details.c.person_id.in_(list(persons)),",
    ),
    CodeMutant(
        "A4",
        "what others recorded counts towards a limit",
        "services.signatures.sign_on_paper",
        "    paper = context.new_id()\n",
        "    if len(act.history.facts) > 12:\n"
        '        raise Conflict("too_many", "Too much was recorded about this child.")\n'
        "    paper = context.new_id()\n",
    ),
    CodeMutant(
        "A3",
        "a key that another organisation used is taken",
        "api.http.idempotency",
        "caller.issuer, caller.organisation, caller.client, request.method",
        "caller.issuer, request.method",
    ),
]
