"""A data-protection officer at a desk: a real browser, a real login, no JavaScript."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.family import free_server, serving
from tests.web.screenshots import SIZES
from tests.web.workplace import DORTHE, INGRID, Workplace, steps, workplace


@contextmanager
def live(database_url: str, folder: Path) -> Iterator[Workplace]:
    """A workplace whose service answers over real HTTP."""
    server = free_server()
    base_url = f"http://127.0.0.1:{server.server_port}"
    with workplace(database_url, folder, base_url) as office:
        server.app = office.deployment.app
        with serving(server):
            yield office


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Workplace]:
    with live(database_url, tmp_path) as place:
        yield place


@contextmanager
def desk(browser: Browser, size: str = "desk") -> Iterator[Page]:
    """A page whose every complaint is collected: none may come, refusals apart."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="da-DK", java_script_enabled=False
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
        assert [text for text in complaints if "status of 403" not in text] == []
    finally:
        context.close()


def log_in(page: Page, office: Workplace, name: str) -> None:
    page.goto(f"{office.deployment.settings.base_url}/staff")
    page.get_by_role("button", name="Log ind").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Testlogin for medarbejdere")
    page.get_by_role("button", name=name).click()


def fits(page: Page, size: str) -> None:
    session = page.context.new_cdp_session(page)
    sizes = session.send("Page.getLayoutMetrics")
    session.detach()
    assert sizes["cssContentSize"]["width"] <= SIZES[size][0]


@pytest.mark.parametrize("size", SIZES)
def test_in_out_and_out_everywhere(office, browser, size):
    base_url = office.deployment.settings.base_url
    heading = "heading"
    with desk(browser, size) as page, desk(browser, size) as other:
        log_in(page, office, DORTHE.name)
        assert page.url == f"{base_url}/staff"
        expect(page.get_by_role(heading, level=1)).to_have_text("Du er logget ind")
        expect(page.get_by_text(DORTHE.name)).to_be_visible()
        expect(page.get_by_text("Databeskyttelsesrådgiver (DPO)")).to_be_visible()
        fits(page, size)

        log_in(other, office, DORTHE.name)
        other.get_by_role("button", name="Log ud", exact=True).click()
        assert other.url == f"{base_url}/staff/goodbye"
        fits(other, size)
        page.reload()
        expect(page.get_by_role(heading, level=1)).to_have_text("Du er logget ind")

        log_in(other, office, DORTHE.name)
        other.get_by_role("button", name="Log ud alle steder").click()
        expect(other.get_by_role(heading, level=1)).to_have_text("Du er logget ud")
        page.reload()
        expect(page.get_by_role(heading, level=1)).to_have_text("Log ind som medarbejder")
        expect(page.get_by_text("Dit login blev afsluttet")).to_be_visible()
        other.go_back()
        assert DORTHE.name not in other.content()
    assert steps(office.deployment) == [
        "staff_logged_in",
        "staff_logged_in",
        "staff_logged_out this_session",
        "staff_logged_in",
        "staff_logged_out everywhere",
    ]


def test_without_a_role(office, browser):
    with desk(browser) as page:
        log_in(page, office, INGRID.name)
        expect(page.get_by_role("heading", level=1)).to_have_text("Du har ikke adgang")
        assert "code" not in page.url
        assert page.context.cookies()[0]["name"] == "staff-login"
        fits(page, "desk")
