"""A fixed set of answers, pages, receipts and exports; asking for them leaves nothing behind.

Every request is answered and what it wrote is taken back, by a database whose COMMIT is a ROLLBACK:
so the same question is asked of the same rows again and again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from consent_service.services.disclosures.ask_decision import ask_decision
from consent_service.services.disclosures.question import LegalBasis, Question
from consent_service.services.kernel.model import Caller, Employee
from tests.deployment import FATHER, MOTHER, PURPOSE, Deployment
from tests.integration.stand_in_browser import Page
from tests.tamper.world import ALMA, BO, CARL, DORA, SILJE, UNKNOWN, World
from tests.web.family import Signer

Answers = dict[str, tuple[int, bytes]]
"""Status and body, by what was asked."""

CALLERS = ("municipality-x", "municipality-z", "gp-y", "paediatrics", "operator")
WHOLE = "?limit=200"
LISTS = (
    f"/v1/organisations{WHOLE}", f"/v1/templates{WHOLE}", f"/v1/consents{WHOLE}",
    f"/v1/disclosures{WHOLE}", f"/v1/work{WHOLE}", f"/v1/audit/entries{WHOLE}",
    "/v1/audit/export?leaves=true", f"/v1/clients{WHOLE}",
)  # fmt: skip
PUBLIC = (
    "/log/checkpoint", "/.well-known/consent-log.json", "/.well-known/jwks.json", "/readyz",
)  # fmt: skip
PAGES = ("/sign/", "/sign/receipt", "/sign/shared", "/sign/everything")
CHILDREN = (ALMA, BO["cpr"].replace("-", ""), CARL, DORA["cpr"].replace("-", ""), SILJE["cpr"])
REFUSALS = frozenset({401, 403, 404, 409, 429, 503})
"""429 is what a refusal becomes that was counted: whatever opens something is never limited."""

LOGIN = "the login that waits"
STAFF = "staff"
LOGGED_IN = b"/staff/logout"
"""What a page of the staff has for nobody but who is logged in."""


def answers_of(world: World) -> Answers:
    """All of them, as of one instant."""
    service = world.service
    now = service.clock.now
    found: Answers = {}
    with forgetful(service.parts.units.engine):
        for name, answer in _asked(world):
            found[name] = (answer.status_code, answer.get_data())
            service.clock.set(now + timedelta(seconds=len(found)))
        found |= _decisions(service)
        found[LOGIN] = _login(world)
    service.clock.set(now)
    return found


def differences(before: Answers, after: Answers) -> list[str]:
    """What is answered otherwise."""
    return [name for name, answer in before.items() if after[name] != answer]


def is_refused(name: str, answer: tuple[int, bytes]) -> bool:
    """Whether somebody was turned away, for now or for good."""
    status, said = answer
    if name == STAFF and status == 200:
        return LOGGED_IN not in said
    return status in REFUSALS or (name == LOGIN and said.startswith(b"/staff/refused"))


@contextmanager
def forgetful(engine: Engine) -> Iterator[None]:
    """Whatever is committed meanwhile is rolled back."""
    dialect = engine.dialect
    dialect.do_commit = dialect.do_rollback
    try:
        yield
    finally:
        del dialect.do_commit


def _asked(world: World) -> Iterator[tuple[str, TestResponse]]:
    service = world.service
    for path in PUBLIC:
        yield path, service.client().get(path)
    for caller in CALLERS:
        for path in LISTS:
            yield f"{caller} {path}", service.get(path, org=caller)
    for caller in ("municipality-x", "municipality-z", "gp-y"):
        for number, consent in enumerate(world.consents):
            for kind in ("", "/receipt", "/timeline"):
                path = f"/v1/consents/{consent}{kind}"
                yield f"{caller} consent {number}{kind}", service.get(path, org=caller)
    for caller in ("municipality-x", "municipality-z"):
        for cpr in (*CHILDREN, MOTHER, FATHER):
            body = {"subject": {"cpr": cpr}, "performed_by": {"id": "e9", "name": "Dorthe"}}
            answer = service.post("/v1/audit/subject-export", body, org=caller, key="export")
            yield f"{caller} export of {cpr}", answer
    for who, signer in (("mother", world.mother), ("father", world.father)):
        for path in PAGES:
            yield f"{who} {path}", signer.get(path)
    yield STAFF, world.dpo.get("/staff")


def _decisions(service: Deployment) -> Answers:
    """Every child, both ways between the controllers and a party."""
    found: Answers = {}
    by = Employee("e9", "Dorthe")
    for cpr in (*CHILDREN, UNKNOWN):
        for pair in (("gp-y", "municipality-x"), ("municipality-x", "gp-y"),
                     ("municipality-z", "gp-y"), ("municipality-x", "paediatrics")):  # fmt: skip
            question = Question(cpr, *pair, PURPOSE, ("health",))
            caller = Caller(pair[0], "test")
            with service.parts.units.writing() as uow:
                decided = ask_decision(
                    uow, service.parts.context, caller, question, LegalBasis("consent"), None, by
                )
            found[f"decision {cpr} {' to '.join(pair)}"] = (200, repr(decided).encode())
    return found


def _login(world: World) -> tuple[int, bytes]:
    """Whether who waits at the provider gets in; nobody's browser remembers it."""
    location = Page(world.waits_at).press(world.waiting.who.name).headers["Location"]
    parts = urlsplit(location)
    again = Signer(world.service, world.waiting.who)
    again.client = world.service.app.test_client()
    again.client._cookies = dict(world.waiting.client._cookies or {})
    answer = again.get(f"{parts.path}?{parts.query}")
    return answer.status_code, answer.headers.get("Location", "").encode()
