"""A parent with a phone: a real browser, a small screen, a real login, no JavaScript."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from consent_service.audit.origins import Origins
from consent_service.audit.receipt import verify_receipt
from tests.deployment import Deployment
from tests.web.family import METTE, acts, links
from tests.web.screenshots import SIZES, furnish, live

PARENT = {"width": SIZES["phone"][0], "height": SIZES["phone"][1]}


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with live(database_url, tmp_path) as deployment:
        furnish(deployment)
        yield deployment


@contextmanager
def phone(browser: Browser, but_for: str | None = None) -> Iterator[Page]:
    """A page whose every complaint is collected: none may come."""
    context = browser.new_context(viewport=PARENT, locale="da-DK", java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # What a new page cuts off has not failed.
    page.on(
        "requestfailed",
        lambda request: (
            request.failure == "net::ERR_ABORTED" or complaints.append(f"failed: {request.failure}")
        ),
    )
    try:
        yield page
        assert [text for text in complaints if but_for is None or but_for not in text] == []
    finally:
        context.close()


def fits(page: Page) -> None:
    """Nothing is wider than the phone, in either direction nothing is cut off."""
    session = page.context.new_cdp_session(page)
    sizes = session.send("Page.getLayoutMetrics")
    session.detach()
    assert sizes["cssContentSize"]["width"] <= PARENT["width"]


def test_a_parent_reads_grants_comes_back_and_withdraws(home, browser):
    asked = home.ask(categories=["health", "school"])
    link = links(asked)[METTE.name]
    with phone(browser) as page:
        page.goto(link)
        assert page.url == f"{home.settings.base_url}/sign/"
        expect(page.get_by_role("heading", level=1)).to_contain_text("beder om dit svar")
        fits(page)

        page.get_by_role("button", name="Log ind med MitID").click()
        page.get_by_role("button", name=METTE.name).click()
        page.wait_for_url("**/sign/")
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text("Må oplysninger om Alma Test deles?")
        fits(page)

        yes = page.get_by_role("button", name="Giv samtykke", exact=True)
        no = page.get_by_role("button", name="Giv ikke samtykke", exact=True)
        assert _looks(yes) == _looks(no)

        page.get_by_label("Skole og hverdag").uncheck()
        yes.click()
        expect(page.get_by_role("status")).to_contain_text("Dit samtykke er gemt.")
        expect(page.get_by_text("Skole og hverdag").first).to_be_visible()
        fits(page)

        with page.expect_download() as waiting:
            page.get_by_role("link", name="Hent din kvittering").click()
        receipt = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
        assert waiting.value.suggested_filename == "samtykke-kvittering.json"
        assert len(receipt["statements"]) == 1

    home.act(asked["id"], "custody_holder", nth=1)
    home.disclose(org="child-psychiatry", sender="child-psychiatry")
    with phone(browser, but_for="404") as page:  # the way back after logging out
        page.goto(link)
        page.get_by_role("button", name="Log ind med MitID").click()
        page.get_by_role("button", name=METTE.name).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Samtykket gælder")
        expect(page.get_by_role("region", name="Hvad der er delt")).to_contain_text("Tilladt")
        fits(page)
        page.get_by_role("button", name="Træk samtykke tilbage").click()
        expect(page.get_by_role("status")).to_contain_text("Dit samtykke er trukket tilbage.")
        fits(page)
        page.get_by_role("button", name="Log ud").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Du er logget ud")
        page.go_back()
        assert "Alma" not in page.content()
    assert home.disclose(org="child-psychiatry", sender="child-psychiatry").status_code == 403


def _looks(button: Any) -> tuple[Any, ...]:
    """Size and colours; the two answers must not differ in any."""
    box = button.bounding_box()
    node = button.element_handle()
    page = node.owner_frame().page
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    ids = session.send("DOM.querySelectorAll", {"nodeId": root, "selector": ".buttons .choose"})
    position = ["Giv samtykke", "Giv ikke samtykke"].index(button.inner_text())
    styles = session.send("CSS.getComputedStyleForNode", {"nodeId": ids["nodeIds"][position]})
    session.detach()
    wanted = ("color", "background-color", "border-top-color", "border-top-width", "font-size")
    wanted += ("font-weight", "opacity", "border-radius")
    named = {one["name"]: one["value"] for one in styles["computedStyle"]}
    return (box["width"], box["height"], *(named.get(name) for name in wanted))


def test_with_the_keyboard_alone(home, browser):
    asked = home.ask(categories=["health", "school"])
    with phone(browser) as page:
        page.goto(links(asked)[METTE.name])
        press = page.keyboard.press
        press("Tab")
        expect(page.locator(":focus")).to_have_text("Spring til indholdet")
        press("Enter")
        _tab_to(page, "Log ind med MitID")
        press("Enter")
        expect(page.get_by_role("button", name=METTE.name)).to_be_visible()
        _tab_to(page, METTE.name)
        press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Alma Test")
        _tab_to(page, "Gå direkte til svaret")
        press("Enter")
        boxes = page.locator("input[type=checkbox]")
        press("Tab")
        expect(boxes.nth(0)).to_be_focused()
        press("Space")
        expect(boxes.nth(0)).not_to_be_checked()
        with page.expect_navigation():
            press("Enter")  # in a box it must not answer
        expect(page.get_by_role("heading", level=1)).to_contain_text("Alma Test deles?")
        expect(boxes.nth(0)).not_to_be_checked()
        assert acts(home, asked["id"]) == []
        _tab_to(page, "Giv ikke samtykke")
        page.keyboard.press("Shift+Tab")
        expect(page.locator(":focus")).to_have_text("Giv samtykke")
        press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Dit samtykke er gemt.")
        _tab_to(page, "Tag mit ja tilbage")
        press("Space")
        expect(page.get_by_role("status")).to_contain_text("Dit nej er gemt.")


def _tab_to(page: Page, words: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if any(words in text for text in page.locator(":focus").all_inner_texts()):
            return
    pytest.fail(f"the keyboard never came to {words!r}")


def test_headings_landmarks_and_labels(home, browser):
    """What a screen reader goes by: one h1, no skipped level, a name for every control."""
    asked = home.ask(categories=["health", "school"])
    with phone(browser) as page:
        page.goto(links(asked)[METTE.name])
        _accessible(page)
        page.get_by_role("button", name="Log ind med MitID").click()
        page.get_by_role("button", name=METTE.name).click()
        page.wait_for_url("**/sign/")
        _accessible(page)
        page.get_by_role("button", name="Giv samtykke", exact=True).click()
        expect(page.get_by_role("status")).to_be_visible()
        _accessible(page)


def _accessible(page: Page) -> None:
    levels = [int(tag.evaluate("e => e.tagName")[1]) for tag in page.locator("h1,h2,h3").all()]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("banner").count() == 1
    assert page.locator("html[lang=da][dir=ltr]").count() == 1
    for box in page.get_by_role("checkbox").all():
        assert box.evaluate("e => e.labels.length") == 1
    for control in page.locator("button:not(.unseen), .button, .choice").all():
        if control.is_visible():
            assert control.bounding_box()["height"] >= 44


def test_every_error_page_fits_and_is_quiet(home, browser):
    context = browser.new_context(viewport=PARENT, locale="en-GB", java_script_enabled=False)
    page = context.new_page()
    for path, status in (("/sign/wrong", 404), ("/sign/login", 405)):
        answer = page.goto(f"{home.settings.base_url}{path}")
        assert answer.status == status
        assert page.locator("html[lang=en]").count() == 1
        fits(page)
    context.close()


def test_the_receipt_of_the_page_verifies(home, browser):
    """Offline, with the published keys only."""
    asked = home.ask(categories=["health"])
    with phone(browser) as page:
        page.goto(links(asked)[METTE.name])
        page.get_by_role("button", name="Log ind med MitID").click()
        page.get_by_role("button", name=METTE.name).click()
        page.get_by_role("button", name="Giv samtykke", exact=True).click()
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Hent din kvittering").click()
        content = Path(waiting.value.path()).read_bytes()
    published = home.parts.keys.published
    report = verify_receipt(
        content, published, Origins.named(home.settings.log_origin), home.clock()
    )
    # On PostgreSQL the tree grows a moment later: until then the log's promise stands for it.
    assert report.exit_code in (0, 3), report.statements
