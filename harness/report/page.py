"""`index.html`: one file that needs no other and asks for none.

User strings are escaped by the template engine; the data block has no `<` in it; and the page's own content-security
policy allows exactly the one style sheet and the one script that are part of it, by their hashes, and no request.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.core.run import RunRecord, SuiteRecord
from harness.core.verdict import Verdict
from harness.report.extras import ReportExtras
from harness.report.conclusion import candidate_results, headline_parts
from harness.report.rows import page_data
from harness.report.sections import Material, Trends, sections
from harness.report.standing import Standing, standing_of, worst_first
from harness.report.text import one_line

_HERE = Path(__file__).parent
_SCRIPTS = ("dom.js", "forest.js", "table.js", "main.js")


def page_text(run: RunRecord, record: SuiteRecord, extras: ReportExtras, trends: Trends, trouble: str | None = None) -> str:
    """The whole page. `trouble` says why there is no trend, when that is not because there are too few runs."""
    style = _asset("report.css")
    script = "(() => {\n" + "\n".join(_asset(name) for name in _SCRIPTS) + "\n})();"
    worst = worst_first(record.verdicts)
    return (
        _environment()
        .get_template("page.html")
        .render(
            run=run,
            record=record,
            trouble=trouble,
            parts=headline_parts(record),
            standing=_page_standing(record, worst),
            candidates=len(candidate_results(record)),
            sections=sections(Material(run, record, extras, trends)),
            data=embedded(page_data(record)),
            style=Markup(style),  # noqa: S704  # files of this package
            script=Markup(script),  # noqa: S704  # files of this package
            policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; base-uri 'none'; form-action 'none'",
        )
    )


def embedded(data: Any) -> Markup:
    """JSON that may stand in a script element: nothing in it can end the element or begin another."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  # just escaped


def _page_standing(record: SuiteRecord, worst: list[Verdict]) -> Standing:
    if worst and standing_of(worst[0]).blocks:
        return standing_of(worst[0])
    judged = any(standing_of(verdict) is not Standing.SKIPPED for verdict in record.verdicts)
    return Standing.PASS if judged else Standing.SKIPPED


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["line"] = one_line
    environment.filters["count"] = lambda value: f"{value:,}"
    return environment


@cache
def _asset(name: str) -> str:
    return (_HERE / "assets" / name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    """The hash by which a content-security policy names an inline element."""
    return "sha256-" + base64.b64encode(hashlib.sha256(f"\n{text}\n".encode()).digest()).decode()
