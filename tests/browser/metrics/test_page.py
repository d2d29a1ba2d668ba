"""The dashboard in a real Chromium: filters change charts and address, a reload keeps the view, nothing internal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Position, expect, sync_playwright

from shared.service.auth import COOKIE
from tests.browser.metrics.dashboard import Dashboard, a_week, serving
from tests.integration.metrics.store import Store

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]
WITHIN_MS = 30_000
CORNER: Position = {"x": 6, "y": 6}


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
    expect(page.locator("#total-engagement .number")).not_to_have_text("0")
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
    page.locator("#card-heat path[aria-roledescription='rect mark']").first.hover(position=CORNER)
    expect(page.locator("#vg-tooltip-element.visible")).to_contain_text("engagement", timeout=WITHIN_MS)
    assert problems == []


def test_an_empty_store_says_what_to_do(page: Page, dashboard: Dashboard, problems: list[str]) -> None:
    page.goto(f"{dashboard.url}/?range=24h&tz=Asia/Kolkata")
    expect(page.locator("#card-engagement .empty")).to_contain_text("Nothing was heard here", timeout=WITHIN_MS)
    page.goto(f"{dashboard.url}/?department=nobody&tz=Nowhere")
    expect(page.get_by_role("alert")).to_contain_text("IANA", timeout=WITHIN_MS)
    assert [each for each in problems if "422" not in each] == []


def test_any_number_opens_the_posts_behind_it_with_the_keyboard_alone(
    page: Page, dashboard: Dashboard, problems: list[str]
) -> None:
    dashboard.store.hear(*a_week())
    page.goto(f"{dashboard.url}/?tz=UTC")
    number = page.locator("#total-inbound_posts .number")
    expect(number).to_have_text("120", timeout=WITHIN_MS)
    for _ in range(60):
        if number.evaluate("node => node === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#posts-count")).to_have_text("50 of 120, newest first", timeout=WITHIN_MS)
    expect(dialog.locator("li").first).to_contain_text("question 0")
    assert "metric=inbound_posts" in str(dialog.locator("#posts-csv").get_attribute("href"))
    page.locator("#posts-more").focus()
    page.keyboard.press("Enter")
    expect(dialog.locator("#posts-count")).to_have_text("100 of 120, newest first", timeout=WITHIN_MS)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert number.evaluate("node => node === document.activeElement")
    assert "my order" not in page.content()  # the words of the one internal post
    assert problems == []


def test_every_chart_has_a_table_whose_numbers_are_those_of_the_api(page: Page, dashboard: Dashboard) -> None:
    dashboard.store.hear(*a_week())
    page.goto(f"{dashboard.url}/?tz=Europe/Berlin&department=support")
    summary = page.locator("#card-engagement summary")
    expect(summary).to_be_visible(timeout=WITHIN_MS)
    summary.focus()
    page.keyboard.press("Enter")
    table = page.locator("#card-engagement table")
    expect(table.locator("tbody tr")).to_have_count(14, timeout=WITHIN_MS)
    expect(table.locator("th").nth(1)).to_have_attribute("title", "engagement: replies + mentions + quotes + announces"
                                                         " + likes + follows.")  # fmt: skip
    cells = [int(text.replace("–", "0") or 0) for text in table.locator("tbody td:nth-child(2)").all_inner_texts()]
    assert sum(cells) == int(page.locator("#total-engagement .number").inner_text())
    busiest = table.locator("tbody td:nth-child(2) button").first
    shown = busiest.inner_text()
    busiest.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#posts-count")).to_contain_text(f"of {shown},", timeout=WITHIN_MS)


def test_a_bar_opens_its_posts_and_a_misrouted_field_its_own(page: Page, dashboard: Dashboard) -> None:
    dashboard.store.hear(*a_week())
    page.goto(f"{dashboard.url}/")
    cell = page.locator("#card-heat path[aria-roledescription='rect mark']").first
    expect(cell).to_be_visible(timeout=WITHIN_MS)
    cell.click(position=CORNER)
    expect(page.locator("#posts-title")).to_contain_text("engagement, ", timeout=WITHIN_MS)
    expect(page.locator("#posts-list li").first).to_be_visible(timeout=WITHIN_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1920])
def test_the_page_fits_a_phone_and_a_wall(browser: Browser, dashboard: Dashboard, scheme: str, width: int) -> None:
    dashboard.store.hear(*a_week())
    chosen = "dark" if scheme == "dark" else "light"
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=chosen)  # type: ignore[arg-type]
    context.add_cookies([{"name": COOKIE, "value": "reader", "url": dashboard.url}])
    page = context.new_page()
    page.goto(f"{dashboard.url}/")
    expect(page.locator("#card-responsiveness svg").first).to_be_visible(timeout=WITHIN_MS)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_days_begin_at_local_midnight_also_where_clocks_change(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/")
    asked = """async ([range, tz, now]) => {
      const held = await import("./assets/range.js");
      return held.span({range, tz}, Date.parse(now)).map((at) => new Date(at).toISOString());
    }"""
    for given, begins in (
        (["7d", "Europe/Berlin", "2026-10-27T10:00:00Z"], "2026-10-20T22:00:00.000Z"),
        (["14d", "Europe/Berlin", "2026-03-30T10:00:00Z"], "2026-03-16T23:00:00.000Z"),
        (["7d", "Asia/Kolkata", "2026-03-29T20:00:00Z"], "2026-03-23T18:30:00.000Z"),
    ):
        assert page.evaluate(asked, given)[0] == begins
