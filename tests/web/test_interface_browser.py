"""The browser of the HTTP interface works in a real one, and nothing in it is inline."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.deployment import Deployment
from tests.web.screenshots import live


@pytest.fixture
def small(sqlite_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with live(sqlite_url, tmp_path) as deployment:
        yield deployment


def test_the_interface_can_be_read_under_its_policy(small: Deployment, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{small.settings.base_url}/docs")
    expect(page.get_by_role("heading", name="Consent service").first).to_be_visible()
    page.locator(".opblock-summary-control").first.click()
    expect(page.locator(".opblock-body").first).to_be_visible()
    assert complaints == []
    context.close()
