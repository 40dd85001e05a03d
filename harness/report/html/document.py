"""A page as one text: a template with its styles, scripts and data."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report.compare.words import (
    estimate_text,
    pairs_text,
    range_text,
    share_text,
    side_text,
)
from harness.report.html import flame
from harness.report.html.gauge import change_gauge, verdict_gauge
from harness.report.parts import failures
from harness.report.parts import words as wording
from harness.report.parts.words import clean, measured_text, value_text
from harness.units import Unit

NAME, STATEMENT, TEXT = 160, 400, 2000  # characters shown of each
PROFILE = "profile"  # data that no chart shows


def document(template: str, data: dict[str, object], **values: object) -> str:
    """Fill a template.

    Args:
        template: The name of its file.
        data: Data for the script of the page.
        values: Values for the template, which escapes all of them.

    Returns:
        HTML that loads nothing: it contains styles, scripts, the charting library and the data.
    """
    recorded = values.get("why") is not None
    return (
        _environment()
        .get_template(template)
        .render(
            style=_assets("page.css", *(("why.css",) if recorded else ())),
            script=_assets("page.js", *(("why.js",) if recorded else ())),
            library=_library() if data.keys() - {PROFILE} else "",
            data=_json(data),
            **values,
        )
        .encode("utf-8", "replace")
        .decode("utf-8")
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "name": lambda text: clean(str(text), NAME),
        "prose": lambda text: clean(str(text), TEXT),
        "function": lambda text: clean(str(text), flame.NAME),
        "statement": lambda text: clean(str(text), STATEMENT),
        "seconds": lambda value: value_text(value, Unit.SECONDS),
        "share": share_text,
        "moment": wording.moment,
    }
    environment.globals |= {
        "wording": wording,
        "failed": failures,
        "estimate_text": estimate_text,
        "pairs_text": pairs_text,
        "range_text": range_text,
        "side_text": side_text,
        "measured_text": measured_text,
        "value_text": value_text,
        "verdict_gauge": verdict_gauge,
        "change_gauge": change_gauge,
    }
    return environment


def _assets(*names: str) -> Markup:
    texts = [(files(__package__) / "assets" / name).read_text(encoding="utf-8") for name in names]
    return Markup("".join(texts))  # noqa: S704  files of this package


def _json(data: dict[str, object]) -> Markup:
    """JSON that cannot end the HTML element around it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  escaped just above


@cache
def _library() -> Markup:
    """The charting library as gzip in base64, which is less than half as large."""
    spec = find_spec("plotly")  # an import would be slow
    assert spec is not None
    assert spec.origin is not None
    source = (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_bytes()
    return Markup(b64encode(gzip.compress(source, mtime=0)).decode())  # noqa: S704  only base64
