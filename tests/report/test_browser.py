"""The page in a real browser, opened from a file, at the sizes and in the colours people use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness.core.run import SuiteRecord
from harness.report import ReportExtras, write_reports
from tests.report.builders import (
    hostile_extras,
    hostile_record,
    languages_extras,
    languages_record,
    large_record,
    made_candidate,
    run_of,
    tradeoff_record,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"),
]
pytestmark = [pytest.mark.chromium, pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH")]

DESKTOP, PHONE = (1280, 900), (360, 740)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


class Opened:
    """A page with what it asked for and what it complained about."""

    def __init__(self, browser: Browser, path: Path, size: tuple[int, int] = DESKTOP, scheme: Any = "light", **more: Any) -> None:
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, **more)
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready=true]", timeout=20_000)

    def __enter__(self) -> Page:
        return self.page

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`index.html` of a realistic, a hostile and a large suite; the realistic one with a history."""
    folder = tmp_path_factory.mktemp("reports")
    for day in range(1, 4):
        write_reports(
            run_of(languages_record(), run=f"r{day}", started=f"2031-05-0{day}T00:00:00Z"), folder, {"languages": languages_extras()}
        )
    write_reports(run_of(hostile_record()), folder, {"hostile": hostile_extras()})
    write_reports(run_of(large_record(10_000)), folder, {"large": ReportExtras()})
    write_reports(run_of(tradeoff_record()), folder, {"tradeoff": ReportExtras(made=(made_candidate("small"),))})
    return {suite: folder / suite / "index.html" for suite in ("languages", "hostile", "large", "tradeoff")}


def column(page: Page, name: str) -> list[str]:
    index = page.locator("#verdict-table th").evaluate_all(f"cells => cells.findIndex(cell => cell.dataset.key === '{name}')")
    return page.locator(f"#verdict-table tbody tr td:nth-child({index + 1})").all_inner_texts()


def header(page: Page, name: str) -> Any:
    return page.locator(f"#verdict-table th[data-key={name}]")


@pytest.mark.parametrize("suite", ["languages", "hostile", "large", "tradeoff"])
def test_nothing_leaves_the_file_and_nothing_complains(browser: Browser, reports: dict[str, Path], suite: str) -> None:
    opened = Opened(browser, reports[suite])
    with opened as page:
        for button in page.locator("#verdict-table th button").all():
            button.click()
        for summary in page.locator("summary").all():
            summary.click()
        page.locator("button.more").first.click()
        page.wait_for_timeout(100)
        assert opened.requests == [reports[suite].as_uri()]
        assert opened.complaints == []


def test_hostile_strings_do_nothing(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["hostile"]) as page:
        for more in page.locator("button.more").all():
            more.click()
        page.locator("#plot-group").select_option(index=3)
        page.locator("#filter-text").fill("<script>")
        page.wait_for_timeout(100)
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img, main iframe, main script").count() == 0
        assert "<script>window.hacked = 1</script>" in page.locator("h1").inner_text()
        assert page.locator("#verdict-table tbody tr.detail-row").count() > 0


def test_a_script_that_got_in_would_not_run(browser: Browser, reports: dict[str, Path]) -> None:
    opened = Opened(browser, reports["languages"])
    with opened as page:
        page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hacked = 1'}))")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked = 1\">')")
        page.evaluate("fetch('https://example.invalid/').catch(() => 0)")
        page.wait_for_timeout(200)
        assert page.evaluate("window.hacked") is None
        assert any("Content Security Policy" in complaint for complaint in opened.complaints)
        assert not [url for url in opened.requests if url.startswith("http")]


def test_the_table_opens_on_what_fails(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["languages"]) as page:
        assert [text.split()[-1] for text in column(page, "outcome")[:6]] == ["FAIL"] * 5 + ["INCONCLUSIVE"]
        assert column(page, "segment")[0].split() == ["language:bn", "critical"]
        assert header(page, "outcome").get_attribute("aria-sort") == "ascending"


def test_a_click_on_a_header_sorts(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["languages"]) as page:
        drops = sorted((v.comparison.drop.value for v in languages_record().verdicts if v.comparison), reverse=True)
        header(page, "drop").locator("button").click()
        shown = [float(text.split()[0].removesuffix("pp").replace("−", "-")) for text in column(page, "drop")]
        assert header(page, "drop").get_attribute("aria-sort") == "descending"
        assert shown == pytest.approx([100 * drop for drop in drops[: len(shown)]], abs=0.06)
        header(page, "drop").locator("button").click()
        shown = [float(text.split()[0].removesuffix("pp").replace("−", "-")) for text in column(page, "drop")]
        assert header(page, "drop").get_attribute("aria-sort") == "ascending"
        assert shown == pytest.approx([100 * drop for drop in drops[::-1][: len(shown)]], abs=0.06)
        header(page, "n").locator("button").click()
        sizes = [int(text.replace(",", "")) for text in column(page, "n")]
        assert sizes == sorted(sizes, reverse=True)
        header(page, "candidate").locator("button").click()
        assert column(page, "candidate") == sorted(column(page, "candidate"))


def test_what_is_missing_sorts_last_either_way(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["languages"]) as page:
        page.locator("#filter-check").select_option(label="footprint")
        page.locator("#filter-text").fill("")
        page.locator("#filter-check").select_option(label="all")
        for _ in range(2):
            header(page, "more").locator("button").click()
            assert "–" not in column(page, "more")[:3]


def test_filters_work_together_and_say_how_many_are_left(browser: Browser, reports: dict[str, Path]) -> None:
    verdicts = languages_record().verdicts
    with Opened(browser, reports["languages"]) as page:
        status = page.locator("#table-status")
        assert status.inner_text().startswith(f"{len(verdicts)} verdicts")
        page.locator("#filter-candidate").select_option(label="int4")
        page.locator("#filter-segmentation").select_option(label="length")
        assert status.inner_text() == f"3 of {len(verdicts)} verdicts."
        assert sorted(column(page, "segment")) == ["length:0..20", "length:20..80", "length:80.."]
        page.locator("#filter-segmentation").select_option(label="all")
        page.locator("#filter-text").fill("LANGUAGE:BN")
        expected = [v for v in verdicts if v.candidate == "int4" and v.segment and "language:bn" in v.segment.label]
        assert status.inner_text() == f"{len(expected)} of {len(verdicts)} verdicts."
        page.locator("#filter-text").fill("nothing is called this")
        assert page.locator("#verdict-table tbody").inner_text() == "No verdict matches."
        page.locator("#filter-text").fill("")
        page.locator("#filter-standing").select_option(index=1)
        assert {text.split()[-1] for text in column(page, "outcome")} == {"FAIL"}


def test_details_open_with_the_keyboard(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["languages"]) as page:
        more = page.locator("button.more").first
        more.focus()
        page.keyboard.press("Enter")
        assert more.get_attribute("aria-expanded") == "true"
        detail = page.locator(".detail-row").first.inner_text()
        assert "Tango score interval" in detail
        assert "phrase-00000" in detail
        page.keyboard.press("Enter")
        assert page.locator(".detail-row").count() == 0


def test_the_plot_has_one_mark_per_segment(browser: Browser, reports: dict[str, Path]) -> None:
    segments = [v.segment for v in languages_record().verdicts if v.candidate == "int4" and v.segment]
    with Opened(browser, reports["languages"]) as page:
        assert page.locator("#plot-group option:checked").inner_text() == "int4 · accuracy"
        page.locator("#plot-more").click()
        labels = page.locator("#forest .mark").evaluate_all("marks => marks.map(mark => mark.dataset.label)")
        assert sorted(labels) == sorted(["whole", *(s.label for s in segments if s.segmentation == "language")])
        page.locator("#plot-segmentation").select_option(label="everything")
        page.locator("#plot-more").click()
        labels = page.locator("#forest .mark").evaluate_all("marks => marks.map(mark => mark.dataset.label)")
        assert sorted(labels) == sorted(["whole", *(s.label for s in segments)])
        page.locator("#plot-segmentation").select_option(label="length")
        assert page.locator("#forest .mark").count() == 4


def test_the_plot_opens_on_an_announced_failure_rather_than_on_what_is_unproven(browser: Browser, tmp_path: Path) -> None:
    verdicts = tuple(v for v in languages_record().verdicts if v.candidate != "int4")
    with Opened(browser, write_reports(run_of(SuiteRecord("calm", "", "", verdicts)), tmp_path)[0]) as page:
        assert page.locator("#plot-group option:checked").inner_text() == "int2 · accuracy"


def test_marks_lie_where_their_drops_are(browser: Browser, reports: dict[str, Path]) -> None:
    """Distances in the drawing are proportional to differences of drops, and the failing one lies beyond the margin."""
    drops = {
        v.segment.label if v.segment else "whole": v.comparison.drop.value
        for v in languages_record().verdicts
        if v.candidate == "int4" and v.comparison
    }
    centre = """marks => Object.fromEntries(marks.map(mark => {
        const box = mark.querySelector('.shape').getBoundingClientRect(); return [mark.dataset.label, box.left + box.width / 2]; }))"""
    with Opened(browser, reports["languages"]) as page:
        page.locator("#plot-segmentation").select_option(label="language")
        places = page.locator("#forest .mark").evaluate_all(centre)
        scale = (places["language:bn"] - places["whole"]) / (drops["language:bn"] - drops["whole"])
        for label, place in places.items():
            assert place - places["whole"] == pytest.approx(scale * (drops[label] - drops["whole"]), abs=1.0)
        margin = page.locator("#forest line.margin").first.bounding_box()
        zero = page.locator("#forest line.zero").bounding_box()
        assert margin is not None
        assert zero is not None
        assert zero["x"] == pytest.approx(places["whole"] - scale * drops["whole"], abs=1.0)
        assert margin["x"] == pytest.approx(places["whole"] + scale * (0.02 - drops["whole"]), abs=1.0)


PLACES = """marks => Object.fromEntries(marks.map(mark => {
    const box = mark.querySelector('.shape').getBoundingClientRect();
    return [mark.dataset.name, [box.left + box.width / 2, box.top + box.height / 2]]; }))"""


def test_the_plots_have_one_mark_per_measured_candidate_where_its_figures_put_it(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["tradeoff"]) as page:
        by_size = page.locator("[data-plot=size] .mark").evaluate_all(PLACES)
        by_speed = page.locator("[data-plot=speed] .mark").evaluate_all(PLACES)
    assert set(by_size) == {"exact", "small", "beaten", "tiny", "wrecked", "untimed"}
    assert set(by_speed) == set(by_size) - {"untimed"}
    scale = (by_size["exact"][0] - by_size["tiny"][0]) / 400_000
    assert by_size["small"][0] - by_size["tiny"][0] == pytest.approx(150_000 * scale, abs=1)
    rise = (by_size["exact"][1] - by_size["tiny"][1]) / 28
    assert rise > 0, "a larger drop lies higher"
    assert by_size["exact"][1] - by_size["small"][1] == pytest.approx(8 * rise, abs=1)
    assert by_size["wrecked"][1] < by_size["untimed"][1], "far beyond the margin is at the upper edge"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_every_candidate_is_named_in_the_plot_and_no_name_lies_on_another(
    browser: Browser, reports: dict[str, Path], size: tuple[int, int]
) -> None:
    with Opened(browser, reports["tradeoff"], size) as page:
        found = page.locator("[data-plot=size] text.label").evaluate_all(
            "all => all.map(one => { const b = one.getBoundingClientRect(); return [one.textContent, b.left, b.top, b.right, b.bottom]; })"
        )
        assert {words.split()[0] for words, *_ in found} == {"exact", "small", "beaten", "tiny", "wrecked", "untimed"}
        for i, (_, left, top, right, bottom) in enumerate(found):
            assert left >= 0
            assert right <= size[0]
            assert not [w for w, x, y, to, down in found[:i] if left < to and x < right and top + 2 < down and y + 2 < bottom]


def test_the_front_is_drawn_through_the_candidates_that_no_other_beats(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["tradeoff"]) as page:
        strong = page.locator("[data-plot=size] text.strong").all_text_contents()
        assert sorted(strong) == ["exact", "small", "tiny"]
        assert page.locator("[data-plot=size] path.front").get_attribute("d")
        said = page.locator("#tradeoff figcaption").first.inner_text()
        assert said.startswith("No other candidate beats these in both: tiny (100 KB, 0.7pp); small (250 KB, 0.2pp); exact (500 KB, 0")
        assert page.locator("#tradeoff figcaption").nth(1).inner_text().endswith("Not measured: untimed.")


def test_a_mark_tells_its_figures_to_the_keyboard_and_to_the_pointer(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["tradeoff"], reduced_motion="reduce") as page:
        tip = page.locator("[data-plot=size] .tip")
        assert tip.get_attribute("visibility") == "hidden"
        mark = page.locator("[data-plot=size] .mark[data-name=small]")
        mark.focus()
        assert tip.get_attribute("visibility") == "visible"
        told = tip.locator("text").all_text_contents()
        assert told[:2] == ["small", "250 KB"]
        assert told[2].startswith("drop 0.2")
        assert told[-1] == "no other is better in both"
        page.keyboard.press("Escape")
        assert tip.get_attribute("visibility") == "hidden"
        page.locator("[data-plot=size] .mark[data-name=beaten] .shape").hover()
        assert tip.locator("text").first.text_content() == "beaten"
        label = mark.get_attribute("aria-label")
        assert label is not None
        assert label.startswith("small, 250 KB, drop 0.2")


def test_how_a_candidate_was_made_is_folded_and_opens(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["languages"]) as page:
        summary = page.locator("#made summary")
        assert "prune → export → quantize, 1.12 MB → 298 KB (−73 %), made in 12 s" in summary.inner_text()
        assert "prune saved no bytes" in summary.inner_text()
        assert page.locator("#made .layers").first.is_visible() is False
        summary.click()
        assert page.locator("#made .layers").first.is_visible()
        assert "left alone: excluded" in page.locator("#made .layers").first.inner_text()


def test_the_trend_is_drawn(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["languages"]) as page:
        assert page.locator("#trend .spark").count() == 3
        assert page.locator("#trend .spark").first.locator("circle").count() == 3


@pytest.mark.parametrize("suite", ["languages", "hostile", "large", "tradeoff"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_page_never_scrolls_sideways(
    browser: Browser, reports: dict[str, Path], suite: str, scheme: str, size: tuple[int, int]
) -> None:
    with Opened(browser, reports[suite], size, scheme) as page:
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        page.locator("button.more").first.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


BOXES = """(rows, key) => rows.map(row => {
    const box = row.querySelector(`td[data-key=${key}]`).getBoundingClientRect();
    return [box.left, box.right, box.width * box.height];
})"""


@pytest.mark.parametrize("suite", ["languages", "hostile", "large"])
@pytest.mark.parametrize("width", [360, 390, 768, 1100])
def test_where_columns_do_not_fit_each_verdict_still_shows_its_segment_and_drop(
    browser: Browser, reports: dict[str, Path], suite: str, width: int
) -> None:
    with Opened(browser, reports[suite], (width, 800)) as page:
        page.locator("button.more").first.click()
        rows = page.locator("#verdict-table tbody tr:has(td[data-key=drop]:not(.missing))")
        assert rows.count() > 5
        for key in ("outcome", "segment", "drop"):
            boxes = rows.evaluate_all(BOXES, key)
            assert all(left >= 0 and right <= width and area > 0 for left, right, area in boxes)
        words = page.locator("#verdict-table dd").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
        assert words
        assert max(words) <= width


@pytest.mark.parametrize("width", [1200, 1280, 1600])
def test_no_column_is_cut_off_on_a_desktop(browser: Browser, reports: dict[str, Path], width: int) -> None:
    with Opened(browser, reports["languages"], (width, 800)) as page:
        assert page.locator("#verdict-table thead").evaluate("head => getComputedStyle(head).display") == "table-header-group"
        last = page.locator("#verdict-table thead th").last.bounding_box()
        around = page.locator("#verdicts .scroll").bounding_box()
        assert last is not None
        assert around is not None
        assert last["x"] + last["width"] <= around["x"] + around["width"] + 0.5


CONTRAST = """() => {
    const channel = value => { const c = value / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    const read = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const ratio = (one, other) => { const [a, b] = [light(one), light(other)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); };
    const behind = node => {
        for (; node; node = node.parentElement) {
            const colour = read(getComputedStyle(node).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const node of document.querySelectorAll('body *')) {
        const words = [...node.childNodes].filter(child => child.nodeType === 3 && child.textContent.trim());
        if (!words.length || !node.getClientRects().length) continue;
        if (node.closest('[aria-hidden=true], script, style, noscript, option, :disabled')) continue;
        const style = getComputedStyle(node);
        const drawn = node.namespaceURI.endsWith('svg');
        const value = ratio(read(drawn ? style.fill : style.color), behind(node));
        if (value < 4.5) found.push([value.toFixed(2), node.outerHTML.slice(0, 80)]);
    }
    return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("suite", ["languages", "tradeoff"])
def test_all_text_has_the_contrast_of_wcag_aa(browser: Browser, reports: dict[str, Path], suite: str, scheme: str) -> None:
    with Opened(browser, reports[suite], DESKTOP, scheme) as page:
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        page.locator("button.more").first.click()
        assert page.evaluate(CONTRAST) == []


def test_dark_is_dark(browser: Browser, reports: dict[str, Path]) -> None:
    brightness = "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b)"
    with Opened(browser, reports["languages"], scheme="light") as page:
        assert page.evaluate(brightness) > 600
    with Opened(browser, reports["languages"], scheme="dark") as page:
        assert page.evaluate(brightness) < 150


def test_everything_that_acts_has_a_name_and_is_reached_by_the_keyboard(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["languages"]) as page:
        nameless = """[...document.querySelectorAll('button, select, input, [role=img], [role=region]')].filter(one =>
            !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)).length"""
        assert page.evaluate(nameless) == 0
        assert page.evaluate(
            "document.querySelectorAll('.scroll').length === document.querySelectorAll('.scroll[tabindex=\"0\"][role=region]').length"
        )
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
        assert page.evaluate("document.querySelectorAll('h1').length") == 1


def test_ten_thousand_rows_open_quickly_and_only_a_page_of_them_is_drawn(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["large"]) as page:
        assert page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd") < 3000
        assert page.locator("#verdict-table tbody tr").count() == 25
        assert page.locator("#forest .mark").count() == 40
        page.locator("#page-next").click()
        assert page.locator("#page-where").inner_text() == "26 to 50 of 10,000"
        sort = "() => { const t = performance.now(); document.querySelector('[data-key=n] button').click(); return performance.now() - t; }"
        assert page.evaluate(sort) < 1000


def test_without_scripts_the_result_is_still_there(browser: Browser, reports: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(reports["languages"].as_uri())
    assert "int4 must not ship" in page.locator("h1").inner_text()
    assert page.locator("#blocking .finding").count() >= 5
    assert page.locator("#plot noscript p").is_visible()
    assert page.locator("#tradeoff noscript p").is_visible()
    assert page.locator("#tradeoff figcaption").first.inner_text().startswith("No other candidate beats this one in both: int8 (298 KB, ")
    assert page.locator("#table-controls").is_visible() is False
    context.close()


def test_it_prints(browser: Browser, reports: dict[str, Path]) -> None:
    with Opened(browser, reports["languages"], scheme="dark") as page:
        page.emulate_media(media="print")
        assert page.locator("nav").is_visible() is False
        assert page.locator("#table-controls").is_visible() is False
        assert page.evaluate("getComputedStyle(document.querySelector('main')).color") == "rgb(0, 0, 0)"
        assert len(page.pdf()) > 20_000


def test_a_suite_without_comparisons_opens_too(browser: Browser, tmp_path: Path) -> None:
    verdicts = tuple(v for v in languages_record().verdicts if v.comparison is None)
    path = write_reports(run_of(SuiteRecord("figures", "", "", verdicts)), tmp_path)[0]
    opened = Opened(browser, path)
    with opened as page:
        assert page.locator("#forest").count() == 0
        assert page.locator("#verdict-table tbody tr").count() == len(verdicts)
        assert opened.complaints == []
    empty = Opened(browser, write_reports(run_of(SuiteRecord("empty", "", "", ())), tmp_path)[0])
    with empty as page:
        assert page.locator("h1").inner_text().split("\n")[-1] == "nothing was judged"
        assert empty.complaints == []
