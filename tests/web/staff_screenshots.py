"""Pictures of the staff's pages, on a phone and on a desk, to look at after a change.

python -m tests.web.staff_screenshots FOLDER
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

from consent_service.persistence.kernel.migrate import upgrade
from tests.conftest import CHROMIUM_ARGUMENTS, _find_chromium
from tests.web.screenshots import SIZES, Camera
from tests.web.test_staff_in_a_browser import live, log_in
from tests.web.workplace import BODIL, DORTHE, INGRID, Workplace


def walk(office: Workplace, context: BrowserContext, folder: Path, size: str) -> None:
    page = context.new_page()
    page.set_default_timeout(5000)
    shoot = Camera(page, folder, size)
    start = f"{office.deployment.settings.base_url}/staff"
    page.goto(start)
    shoot("staff-landing")
    page.get_by_role("button", name="Log ind").click()
    shoot("staff-provider")
    log_in(page, office, INGRID.name)
    shoot("staff-no-access")
    log_in(page, office, BODIL.name)
    shoot("staff-start-two-roles")
    page.get_by_role("button", name="Log ud", exact=True).click()
    shoot("staff-goodbye")
    log_in(page, office, DORTHE.name)
    office.deployment.clock.forward(hours=3)
    log_in(page, office, DORTHE.name)
    shoot("staff-start")
    page.goto(f"{start}?lang=en")
    shoot("staff-start-english")
    page.goto(f"{start}?lang=da")
    office.deployment.clock.forward(minutes=31)
    page.goto(start)
    shoot("staff-idle")
    page.goto(f"{start}/nowhere")
    shoot("staff-error-404")


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
                with live(url, Path(home)) as office:
                    viewport = {"width": width, "height": height}
                    context = browser.new_context(
                        viewport=viewport, locale="da-DK", java_script_enabled=False
                    )
                    walk(office, context, folder, size)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
