"""The dashboard in a real Chromium: filters change charts and address, a reload keeps the view, nothing internal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from shared.service.auth import COOKIE
from tests.browser.metrics.dashboard import Dashboard, a_week, serving
from tests.integration.metrics.store import Store

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]
WITHIN_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def dashboard(store: Store) -> Iterator[Dashboard]:
    with serving(store) as served:
        yield served


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, dashboard: Dashboard, problems: list[str]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": COOKIE, "value": "reader", "url": dashboard.url}])
    context.on("console", lambda said: problems.append(said.text) if said.type in {"error", "warning"} else None)
    context.on("weberror", lambda error: problems.append(str(error.error)))
    yield context.new_page()
    context.close()


def test_a_filter_changes_the_charts_and_the_address_and_a_reload_keeps_the_view(
    page: Page, dashboard: Dashboard, problems: list[str]
) -> None:
    dashboard.store.hear(*a_week())
    page.goto(f"{dashboard.url}/")
    marks = page.locator("#card-heat path[aria-roledescription='rect mark']")
    expect(marks).to_have_count(3, timeout=WITHIN_MS)
    expect(page.locator("#card-engagement svg").first).to_be_visible()
    assert "people" not in page.locator("select[name=department]").inner_text()
    expect(page.locator("#goals tr")).to_have_count(1)
    before = page.locator("#totals").inner_text()
    page.locator("select[name=department]").focus()
    page.keyboard.type("billing")
    page.keyboard.press("Tab")
    expect(marks).to_have_count(1, timeout=WITHIN_MS)
    assert "department=billing" in page.url
    narrowed = page.locator("#totals").inner_text()
    assert narrowed != before
    page.reload()
    expect(marks).to_have_count(1, timeout=WITHIN_MS)
    assert page.locator("select[name=department]").input_value() == "billing"
    assert page.locator("#totals").inner_text() == narrowed
    page.go_back()
    expect(marks).to_have_count(3, timeout=WITHIN_MS)
    page.locator("#card-heat path[aria-roledescription='rect mark']").first.hover()
    expect(page.locator("#vg-tooltip-element.visible")).to_contain_text("engagement", timeout=WITHIN_MS)
    assert problems == []


def test_an_empty_store_says_what_to_do(page: Page, dashboard: Dashboard, problems: list[str]) -> None:
    page.goto(f"{dashboard.url}/?range=24h&tz=Asia/Kolkata")
    expect(page.locator("#card-engagement .empty")).to_contain_text("Nothing was heard here", timeout=WITHIN_MS)
    page.goto(f"{dashboard.url}/?department=nobody&tz=Nowhere")
    expect(page.get_by_role("alert")).to_contain_text("IANA", timeout=WITHIN_MS)
    assert [each for each in problems if "422" not in each] == []
