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

from harness.report.conclusion import headline_parts
from harness.report.material import Material
from harness.report.pareto import plot_data, plots
from harness.report.rows import page_data
from harness.report.sections import sections
from harness.report.text import one_line

_HERE = Path(__file__).parent
_SCRIPTS = ("dom.js", "forest.js", "pareto.js", "table.js", "main.js")


def page_text(material: Material) -> str:
    """The whole page."""
    style = _asset("report.css")
    script = "(() => {\n" + "\n".join(_asset(name) for name in _SCRIPTS) + "\n})();"
    return (
        _environment()
        .get_template("page.html")
        .render(
            run=material.run,
            record=material.record,
            trouble=material.no_trend,
            parts=headline_parts(material.results, partial=material.record.partial),
            standing=material.standing,
            candidates=len(material.results),
            sections=sections(material),
            data=embedded({**page_data(material.ordered), "plots": [plot_data(plot) for plot in plots(material)]}),
            style=Markup(style),  # noqa: S704  # files of this package
            script=Markup(script),  # noqa: S704  # files of this package
            policy=_policy(style, script),
        )
    )


def embedded(data: Any) -> Markup:
    """JSON that may stand in a script element: nothing in it can end the element or begin another."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  # just escaped


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


def _policy(style: str, script: str) -> str:
    allowed = {"default-src": "'none'", "style-src": f"'{_hash(style)}'", "script-src": f"'{_hash(script)}'", "img-src": "data:"}
    return "; ".join(f"{name} {value}" for name, value in {**allowed, "base-uri": "'none'", "form-action": "'none'"}.items())


def _hash(text: str) -> str:
    """The hash by which a content-security policy names an inline element."""
    return "sha256-" + base64.b64encode(hashlib.sha256(f"\n{text}\n".encode()).digest()).decode()
