"""Pictures of every kind of page, on a phone and on a desk, to look at after a change.

    python -m tests.web.screenshots FOLDER

`FOLDER/signing-page.png` is the picture in the README (docs/images/signing-page.png).
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import BrowserContext, Page, sync_playwright

from consent_service.domain.kernel.facts import Scope
from consent_service.persistence.children.tables import person_details
from consent_service.persistence.kernel.migrate import upgrade
from tests.conftest import CHROMIUM_ARGUMENTS, _find_chromium
from tests.deployment import CATEGORIES, PARTIES, Deployment
from tests.integration.forged_logs import as_owner
from tests.web.family import ASTA, METTE, free_server, household, links, new_link, serving

SIZES = {"phone": (390, 844), "desk": (1280, 900)}

DESCRIPTIONS = {
    "municipality-x": (
        "Kommunens tværfaglige udvalg",
        "Skole, PPR, sundhedspleje og familierådgivning",
    ),
    "child-psychiatry": (
        "Børne- og Ungdomspsykiatrien",
        "Hospitalets afdeling for børn og unge, der har det svært",
    ),
    "paediatrics": ("Børneafdelingen", "Hospitalets læger for børn"),
    "gp-y": ("Lægehuset på Torvet", "Almas egen læge"),
}


@contextmanager
def live(database_url: str, folder: Path) -> Iterator[Deployment]:
    """A household whose service answers over real HTTP."""
    server = free_server()
    base_url = f"http://127.0.0.1:{server.server_port}"
    with household(database_url, folder, base_url) as deployment:
        server.app = deployment.app
        with serving(server):
            yield deployment


def furnish(deployment: Deployment) -> None:
    """The four parties by likely names, and the template that comes with the service."""
    for id_, (name, description) in DESCRIPTIONS.items():
        content = {
            "id": id_,
            "name": name,
            "kind": "other",
            "descriptions": {"da": description},
            "contact": {"phone": "+45 12 34 56 78", "email": None},
        }
        assert deployment.post("/v1/organisations", content, org="operator").status_code == 201
    deployment.register_catalogue()
    text = (files("consent_service") / "default_template.json").read_text(encoding="utf-8")
    assert deployment.post("/v1/templates", json.loads(text)).status_code == 201


def log_in(page: Page, name: str = METTE.name) -> None:
    page.click("form[action='/sign/login'] button")
    page.get_by_role("button", name=name).click()
    page.wait_for_url("**/sign/")


class Camera:
    def __init__(self, page: Page, folder: Path, size: str) -> None:
        self.page, self.folder, self.size = page, folder, size

    def __call__(self, name: str, selector: str | None = None) -> None:
        path = self.folder / f"{self.size}-{name}.png"
        if selector:
            self.page.locator(selector).scroll_into_view_if_needed()
            self.page.screenshot(path=path)
        else:
            self.page.screenshot(path=path, full_page=True)


def picture(page: Page, path: Path) -> None:
    """What the README shows: the choices and the two answers, as on a phone."""
    box = page.locator("#answer").bounding_box()
    top = page.locator("html").bounding_box()
    assert box is not None
    assert top is not None
    start = box["y"] - top["y"] - 16
    clip = {"x": 0, "y": start, "width": SIZES["phone"][0], "height": box["height"] + 40}
    page.screenshot(path=path, full_page=True, clip=clip)


def everything_shared(page: Page, folder: Path, shoot: Camera) -> None:
    """The file a signer downloads, opened as a file."""
    for language in ("da", "en"):
        page.goto(f"{page.url.partition('/sign/')[0]}/sign/?lang={language}")
        answer = page.context.request.get(page.url.partition("?")[0] + "everything")
        file = folder / f"{shoot.size}-everything-{language}.html"
        file.write_bytes(answer.body())
        address = page.url
        page.goto(file.absolute().as_uri())
        for fold in page.locator("summary").all():
            fold.click()
        shoot(f"everything-{language}")
        page.goto(address)
    page.goto(f"{page.url.partition('/sign/')[0]}/sign/?lang=da")


def later_signer(deployment: Deployment, page: Page, shoot: Camera) -> None:
    """A young person who turned 15 while the consent was in force."""
    child = {"cpr": ASTA.cpr, "name": ASTA.name, "birth_date": "2012-02-15"}
    asked = deployment.in_force(child=child, parties=PARTIES, categories=CATEGORIES)
    deployment.clock.set(datetime.fromisoformat("2027-02-16T09:00:00+00:00"))
    page.goto(new_link(deployment, asked, ASTA.name))
    log_in(page, ASTA.name)
    shoot("later-signer")


def shared_earlier(deployment: Deployment, page: Page, shoot: Camera) -> None:
    """More than one page of what was shared."""
    for _ in range(51):
        deployment.disclose()
        deployment.clock.forward(seconds=1)
    page.reload()
    page.locator("a[href^='/sign/shared']").click()
    shoot("shared-earlier")


def unreadable(deployment: Deployment, page: Page, shoot: Camera) -> None:
    """What is filed of somebody went away in the database."""
    page.goto(links(deployment.ask(case_reference="9"))[METTE.name])
    log_in(page)
    as_owner(deployment.parts.units.engine, lambda c: c.execute(sa.delete(person_details)))
    page.reload()
    shoot("unreadable")


def walk(deployment: Deployment, context: BrowserContext, folder: Path, size: str) -> None:
    page = context.new_page()
    page.set_default_timeout(5000)
    shoot = Camera(page, folder, size)
    everything: dict[str, Any] = {"parties": PARTIES, "categories": CATEGORIES}
    case = {"phone": "1", "desk": "2"}[size]
    child = {"cpr": "0103174321", "name": "Alma Test", "birth_date": "2017-03-01"}
    older = deployment.ask(child=child, **everything, case_reference=case)
    link = links(older)[METTE.name]
    page.goto(link)
    shoot("landing")
    page.click("form[action='/sign/login'] button")
    page.click("button.cancel")
    shoot("landing-cancelled")
    log_in(page, "Sofie Fremmed")
    shoot("landing-another-person")
    log_in(page)
    shoot("consent")
    page.locator("#answer .buttons").scroll_into_view_if_needed()
    shoot("answer", "#answer .buttons")
    if size == "phone":
        picture(page, folder / "signing-page.png")
    page.goto(f"{deployment.settings.base_url}/sign/?lang=en")
    shoot("consent-english")
    page.goto(f"{deployment.settings.base_url}/sign/?lang=da")
    for box in page.locator("input[name=category]").all():
        box.uncheck()
    page.get_by_role("button", name="Giv samtykke", exact=True).click()
    shoot("nothing-left")
    page.get_by_role("link", name="Gå tilbage").click()
    for box in page.locator("input[name=category]").all()[1:]:
        box.check()
    page.get_by_role("button", name="Giv samtykke", exact=True).click()
    shoot("confirmation")
    deployment.act(
        older["id"], "custody_holder", nth=1, left_out=Scope(frozenset({"gp-y"}), frozenset())
    )
    deployment.disclose(org="child-psychiatry", sender="child-psychiatry")
    deployment.disclose()
    deployment.disclose(
        legal_basis={
            "type": "notification_duty",
            "provision": "Barnets lov § 133",
            "justification": "Bekymring",
        }
    )
    page.goto(link)
    shoot("state")
    shared_earlier(deployment, page, shoot)
    page.goto(link)
    everything_shared(page, folder, shoot)
    page.goto(link)
    newer = deployment.ask(child=child, parties=PARTIES[:3], categories=["health"])
    page.goto(links(newer)[METTE.name])
    log_in(page)
    shoot("warning", "#answer .notice")
    page.get_by_role("button", name="Giv ikke samtykke", exact=True).click()
    shoot("sure")
    page.get_by_role("button", name="Giv ikke samtykke").click()
    shoot("declined")
    page.get_by_role("button", name="Tag mit nej tilbage", exact=True).click()
    shoot("lifted")
    page.goto(link)
    log_in(page)
    deployment.clock.forward(minutes=16)
    page.goto(link)
    shoot("stale")
    page.click("form[action='/sign/login'] button")
    page.get_by_role("button", name=METTE.name).click()
    page.get_by_role("button", name="Træk samtykke tilbage", exact=True).click()
    shoot("withdrawn")
    deployment.clock.forward(minutes=31)
    page.goto(link)
    shoot("idle")
    log_in(page)
    page.get_by_role("button", name="Log ud", exact=True).click()
    shoot("goodbye")
    later_signer(deployment, page, shoot)
    page.goto(f"{deployment.settings.base_url}/sign/wrong")
    shoot("error-404")
    page.goto(f"{deployment.settings.base_url}/sign/login")
    shoot("error-405")
    for _ in range(40):
        page.goto(f"{deployment.settings.base_url}/sign/wrong")
    shoot("error-429")
    unreadable(deployment, page, shoot)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_find_chromium(), args=list(CHROMIUM_ARGUMENTS)
        )
        for size, (width, height) in SIZES.items():
            with tempfile.TemporaryDirectory() as home:
                url = f"sqlite:///{home}/consent.db"
                upgrade(url)
                with live(url, Path(home)) as deployment:
                    furnish(deployment)
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        locale="da-DK",
                        java_script_enabled=False,
                    )
                    walk(deployment, context, folder, size)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
