"""The page in a real Chromium: new posts without reload, filters in the address, keys, claims, a lost connection."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from shared.clock import utc_now
from shared.contracts.activity import ClassifiedActivity, Surface, Verb
from shared.service.auth import COOKIE
from tests.builders import a_classification, an_activity, classified
from tests.integration.queues.system import ALL, System, running

expect.set_options(timeout=20_000)  # a deadline for machines that do other things as well, no claim of speed
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]
WITHIN_MS = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with running(tmp_path) as started:
        yield started


@pytest.fixture
def context(browser: Browser, system: System) -> Iterator[BrowserContext]:
    made = browser.new_context()
    made.add_cookies([{"name": COOKIE, "value": ALL, "url": system.url}])
    yield made
    made.close()


def opened(context: BrowserContext, system: System, view: str = "") -> Page:
    page = context.new_page()
    page.goto(f"{system.url}/{view}")
    expect(page.locator("#connection")).to_have_text("live", timeout=WITHIN_MS)
    return page


def posts(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Posts").get_by_role("option")


def rows(page: Page) -> list[str]:
    return posts(page).locator("p").all_text_contents()


def a_post(number: int, department: str = "billing", intent: str = "refund", **more: bool) -> ClassifiedActivity:
    at = utc_now() - timedelta(minutes=10) + timedelta(seconds=number)
    surface = Surface.INTERNAL if more.get("internal") else Surface.PUBLIC
    activity = an_activity(f"web:{number}", occurred_at=at, text=f"post {number}", surface=surface)
    return classified(activity, a_classification(department, intent, unsure=more.get("unsure", False)))


def test_a_post_appears_changes_and_leaves_without_reload(context: BrowserContext, system: System) -> None:
    problems: list[str] = []
    context.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: problems.append(str(error.error)))
    page = opened(context, system)
    expect(page.locator("#empty")).to_contain_text("New posts appear here by themselves")
    system.send(a_post(1), a_post(2, unsure=True, internal=True))
    expect(posts(page)).to_have_count(2, timeout=WITHIN_MS)
    first = posts(page).first
    for words in ("post 2", "triage", "refund", "negative", "unsure", "internal"):
        expect(first).to_contain_text(words)
    assert ", " in (first.locator("time").get_attribute("title") or "")
    expect(page.get_by_role("button", name="billing, refund: 1 open")).to_be_visible(timeout=WITHIN_MS)
    late = utc_now()
    edit = an_activity("web:1", verb=Verb.UPDATE, occurred_at=late, text="<b>edited</b>")
    system.send(classified(edit, a_classification("support", "outage")))
    system.send(classified(an_activity("web:2", verb=Verb.DELETE, occurred_at=late)))
    expect(posts(page)).to_have_count(1, timeout=WITHIN_MS)
    assert rows(page) == ["<b>edited</b>"]
    expect(page.get_by_role("button", name="support, outage: 1 open")).to_be_visible(timeout=WITHIN_MS)
    assert problems == []


def test_a_cell_filters_the_list_and_the_address_and_a_reload_keeps_the_view(
    context: BrowserContext, system: System
) -> None:
    system.send(a_post(1), a_post(2, "support", "outage"), a_post(3, "support", "praise"))
    system.until_handled()
    page = opened(context, system)
    expect(posts(page)).to_have_count(3)
    page.get_by_role("button", name="support, outage: 1 open").click()
    expect(posts(page)).to_have_count(1)
    assert page.url.endswith("/?department=support&intent=outage")
    page.reload()
    expect(posts(page)).to_have_count(1)
    system.send(a_post(4), a_post(5, "support", "outage"))
    expect(posts(page)).to_have_count(2, timeout=WITHIN_MS)
    assert rows(page) == ["post 5", "post 2"]
    page.go_back()
    expect(posts(page)).to_have_count(5)


def test_everything_works_from_the_keyboard(context: BrowserContext, system: System) -> None:
    system.send(*(a_post(number) for number in range(3)))
    system.until_handled()
    page = opened(context, system)
    expect(posts(page)).to_have_count(3)
    for key in "jjjkj":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.locator("#detail .conversation")).to_contain_text("post 0")
    assert "item=" in page.url
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("post 1")
    expect(posts(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(posts(page)).to_have_count(3)
    page.locator("#list").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_two_agents_claim_one_post_and_the_second_is_told_by_whom(
    browser: Browser, context: BrowserContext, system: System
) -> None:
    system.send(a_post(1))
    system.until_handled()
    ann = opened(context, system)
    other = browser.new_context()
    other.add_cookies([{"name": COOKIE, "value": ALL, "url": system.url}])
    ben = opened(other, system)
    for page in (ann, ben):
        posts(page).click()
        expect(page.locator("#detail .conversation")).to_be_visible()
    for page, name in ((ann, "Ann"), (ben, "Ben")):
        page.get_by_role("button", name="Claim (c)").click()
        page.get_by_role("textbox", name="Name").fill(name)
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#detail .chip.state")).to_have_text("claimed by Ann", timeout=WITHIN_MS)
    expect(ben.locator("#detail [role=alert]")).to_contain_text("Ann holds this item")
    ann.get_by_role("button", name="Resolve (r)").click()
    expect(posts(ben)).to_have_count(0, timeout=WITHIN_MS)
    other.close()


def test_undo_takes_back_a_label_and_a_claim_and_colleagues_see_who_looks(
    browser: Browser, context: BrowserContext, system: System
) -> None:
    problems: list[str] = []
    context.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: problems.append(str(error.error)))
    system.send(a_post(1), a_post(2, "support", "outage"))
    system.until_handled()
    page = opened(context, system, "?order=priority")
    expect(posts(page)).to_have_count(2)
    assert rows(page) == ["post 2", "post 1"]
    page.evaluate("localStorage.setItem('earshot.agent', 'Ann')")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#detail .urgency")).to_contain_text("Priority ")
    page.keyboard.press("l")
    page.keyboard.press("Control+a")
    page.keyboard.type("legal")
    page.keyboard.press("Enter")
    expect(page.locator("#detail .chip.department")).to_have_text("legal", timeout=WITHIN_MS)
    page.locator("#detail h2").focus()
    page.keyboard.press("u")
    expect(page.locator("#detail .chip.department")).to_have_text("support", timeout=WITHIN_MS)
    page.keyboard.press("c")
    expect(page.locator("#detail .chip.state")).to_have_text("claimed by Ann", timeout=WITHIN_MS)
    page.get_by_role("button", name="Undo (u)").click()
    expect(page.locator("#detail .chip.state")).to_have_count(0, timeout=WITHIN_MS)
    expect(page.locator("#undo")).to_be_hidden()
    item = page.url.split("item=")[1]
    system.post(f"/v1/items/{item}/presence", {"agent": "Ben"})
    expect(page.locator("#looking")).to_have_text("Ben is looking", timeout=WITHIN_MS)
    expect(posts(page).first).to_contain_text("Ben is looking")
    assert problems == []


def test_a_stranger_signs_in_and_lands_on_the_view_that_was_asked_for(browser: Browser, system: System) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{system.url}/?department=billing")
    page.get_by_label("Your API key").fill(ALL)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#connection")).to_have_text("live", timeout=WITHIN_MS)
    assert page.url == f"{system.url}/?department=billing"
    context.close()


def test_a_thousand_rows_and_a_burst_keep_the_page_quick(context: BrowserContext, system: System) -> None:
    system.send(*(a_post(number) for number in range(1_100)))
    system.until_handled()
    page = opened(context, system)
    expect(posts(page)).to_have_count(200)
    page.evaluate(
        """() => { window.longest = 0; new PerformanceObserver(list => {
        for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration) }
        ).observe({type: "longtask"}) }"""
    )
    system.send(*(a_post(number) for number in range(1_100, 2_200)))
    expect(page.locator("#shown")).to_have_text("first 1,000", timeout=4 * WITHIN_MS)
    expect(posts(page).first).to_contain_text("post 2199", timeout=WITHIN_MS)
    assert posts(page).count() == 1_000
    # A stutter is what a person sees; shared test machines are slow, so the bound is wide.
    assert page.evaluate("window.longest") < 1_000
