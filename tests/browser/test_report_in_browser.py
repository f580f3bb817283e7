"""The page that `--report` writes, in a real browser: about a run with three hosts."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.support.browser import Browser, browser
from tests.support.command import Command, InstalledCommand
from tests.support.server import Handler, LoopbackServer

ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
URLS = 2_000
"""Of the run that the report is about."""


def serve_differently(server: LoopbackServer) -> None:
    """Let the second host be slow and the third one ask for a pause; some files fail."""
    slow = server.address == ADDRESSES[1]
    pausing = itertools.count() if server.address == ADDRESSES[2] else None

    def answer(handler: Handler) -> None:
        number = int(handler.path.rpartition("/")[2].partition(".")[0])
        if slow:
            time.sleep(0.005 + 0.05 * (number % 40 == 0))
        if pausing and 100 <= next(pausing) < 104:
            handler.answer(429, b"slowly", Retry_After="1")
        elif number % 50 == 7:
            handler.answer(404, b"gone")
        elif number % 211 == 8:
            handler.head(200, Content_Length="5000")
            handler.send(b"not all of it")
            handler.cut()
        else:
            handler.answer(200, b"x" * (50 + number * 7919 % 90_000))

    server.routes.update({f"/images/{n:04}.jpg": answer for n in range(URLS)})


def write_report(command: InstalledCommand) -> Path:
    """Fetch from three hosts, and return the report."""
    with ExitStack() as stack:
        servers = [stack.enter_context(LoopbackServer(address)) for address in ADDRESSES]
        for server in servers:
            server.remember = False
            serve_differently(server)
        turns = zip(itertools.cycle(servers), range(URLS), strict=False)
        urls = [f"http://{s.address}:{s.server_port}/images/{n:04}.jpg" for s, n in turns]
        (command.directory / "urls.txt").write_text("\n".join(urls) + "\n")
        options = ("--retry-wait", "100ms", "-w", "16", "--report", "report.html")
        ended = command("urls.txt", "--output-dir", "data", *options)
    assert ended.status == 1, ended.err
    return command.directory / "report.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(InstalledCommand(Command(tmp_path_factory.mktemp("report"))))


@pytest.fixture
def page(chromium: Browser, report: Path) -> Browser:
    """The report, shown anew."""
    chromium.resize(1280)
    chromium.prefer("light")
    chromium.get(report.as_uri())
    return chromium


def column(page: Browser, table: str, number: int) -> list[str]:
    """The texts of a column, from 1."""
    cells = page.find_elements(By.CSS_SELECTOR, f"{table} tbody td:nth-child({number})")
    return [cell.text for cell in cells]


def button(page: Browser, table: str, text: str) -> WebElement:
    """The button in the head of a column."""
    return page.find_element(By.XPATH, f"//table[{table}]//th/button[.='{text}']")


HOSTS, LIST = "@id='hosts-table'", "@id='list'"


def test_nothing_is_wrong_with_the_page(page: Browser) -> None:
    """Neither its script nor its policy has anything to complain of, and nothing is loaded."""
    assert page.said() == []
    loaded = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    assert page.run(loaded) == []


def test_hosts_are_sorted_by_a_click(page: Browser) -> None:
    bytes_of = "#hosts-table tbody td:nth-child(3)"
    values = f"return [...document.querySelectorAll('{bytes_of}')].map(cell => +cell.dataset.value)"
    head = button(page, HOSTS, "Bytes")
    head.click()
    rising = page.run(values)
    assert len(rising) == 3
    assert rising == sorted(rising)
    head.click()
    assert page.run(values) == rising[::-1]
    state = head.find_element(By.XPATH, "..").get_attribute("aria-sort")
    assert state == "descending"
    button(page, HOSTS, "Host").click()
    assert [name.partition(":")[0] for name in column(page, "#hosts-table", 1)] == ADDRESSES
    assert page.said() == []


def test_urls_are_sorted_by_numbers_and_not_by_their_digits(page: Browser) -> None:
    button(page, LIST, "Size").click()
    sizes = [int(text.replace(",", "")) for text in column(page, "#list", 4) if text[0].isdigit()]
    assert len(sizes) > 100
    assert sizes == sorted(sizes)


def test_the_list_is_filtered_by_url_and_by_status(page: Browser) -> None:
    find = page.find_element(By.ID, "filter")
    find.send_keys("http 404")
    assert set(column(page, "#list", 3)) == {"http 404"}
    assert page.find_element(By.ID, "shown").text == f"40 of {URLS} URLs"
    find.clear()
    find.send_keys("127.0.0.2:")
    assert all("//127.0.0.2:" in url for url in column(page, "#list", 2))
    assert page.find_element(By.ID, "shown").text.startswith("667 of 2000 URLs")


def test_more_of_a_long_list_is_shown_on_demand(page: Browser) -> None:
    assert len(column(page, "#list", 1)) == 200
    page.find_element(By.ID, "more").click()
    assert page.run("return document.querySelectorAll('#list tbody tr').length") == 1200


def test_whoever_has_no_mouse_sorts_and_filters_as_well(page: Browser) -> None:
    """Tab reaches each button, Enter and Space press it, and one sees where one is."""
    head = button(page, HOSTS, "Failures")
    before = head.find_element(By.XPATH, "../preceding-sibling::th[1]/button")
    page.run("arguments[0].focus()", before)
    before.send_keys(Keys.TAB)
    assert page.switch_to.active_element == head
    outline = page.run("return getComputedStyle(arguments[0]).outlineStyle", head)
    assert outline == "solid"
    head.send_keys(Keys.ENTER)
    assert head.find_element(By.XPATH, "..").get_attribute("aria-sort") == "ascending"
    head.send_keys(Keys.SPACE)
    assert head.find_element(By.XPATH, "..").get_attribute("aria-sort") == "descending"
    assert page.switch_to.active_element == head


def test_what_scrolls_aside_can_be_scrolled_by_the_keyboard(page: Browser) -> None:
    page.resize(400)
    without = (
        "return [...document.querySelectorAll('.scroll')].filter("
        "each => each.scrollWidth > each.clientWidth && each.tabIndex < 0).length"
    )
    assert page.run(without) == 0


@pytest.mark.parametrize("width", [1280, 768, 400, 320])
def test_the_page_itself_does_not_scroll_aside(page: Browser, width: int) -> None:
    page.resize(width)
    widest = "return document.documentElement.scrollWidth"
    assert page.run(widest) <= width


def test_what_to_do_can_be_read_on_a_phone(page: Browser) -> None:
    """Its column is wide enough for some words, and not scrolled out of sight."""
    page.resize(400)
    advice = page.find_elements(By.CSS_SELECTOR, "#causes td:last-child")
    assert advice
    for cell in advice:
        assert cell.rect["width"] >= 250
        assert cell.rect["x"] + cell.rect["width"] <= 400


def test_labels_of_the_waterfall_are_not_cut(page: Browser) -> None:
    outside = (
        "const edge = document.querySelector('.wide svg').getBoundingClientRect();"
        "return [...document.querySelectorAll('.wide svg text')].filter(each => {"
        "  const box = each.getBoundingClientRect();"
        "  return box.left < edge.left - 1 || box.right > edge.right + 1;"
        "}).map(each => each.textContent)"
    )
    assert page.run(outside) == []


def test_it_is_dark_for_whoever_has_chosen_that(page: Browser) -> None:
    colours = (
        "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]"
    )
    paper, ink = page.run(colours)
    page.prefer("dark")
    dark_paper, dark_ink = page.run(colours)
    assert sum(map(int, paper[4:-1].split(", "))) > 3 * 200 > sum(map(int, ink[4:-1].split(", ")))
    assert sum(map(int, dark_paper[4:-1].split(", "))) < 3 * 50
    assert sum(map(int, dark_ink[4:-1].split(", "))) > 3 * 200


def test_the_pause_is_told(page: Browser) -> None:
    button(page, HOSTS, "429s").click()
    assert column(page, "#hosts-table", 6) == ["0", "0", "4"]
    assert column(page, "#hosts-table", 7)[2].endswith("s")
