"""A page as one text: a template with everything in it that a browser needs."""

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

from harness.report.compare.words import estimate_text, pairs_text, range_text, share_text
from harness.report.html.gauge import change_gauge, verdict_gauge
from harness.report.parts import words as wording
from harness.report.parts.words import clean, value_text
from harness.units import Unit

NAME, TEXT = 160, 2000  # characters shown of each


def document(template: str, data: dict[str, object], **values: object) -> str:
    """Fill a template.

    Args:
        template: Its file's name.
        data: For the page's script.
        values: What the template shows; all of it is escaped.

    Returns:
        HTML that loads nothing: styles, scripts, the charting library and the data are inside.
    """
    return (
        _environment()
        .get_template(template)
        .render(
            style=_asset("page.css"),
            script=_asset("page.js"),
            library=_library() if data else "",
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
        "seconds": lambda value: value_text(value, Unit.SECONDS),
        "share": share_text,
        "moment": wording.moment,
    }
    environment.globals |= {
        "wording": wording,
        "estimate_text": estimate_text,
        "pairs_text": pairs_text,
        "range_text": range_text,
        "value_text": value_text,
        "verdict_gauge": verdict_gauge,
        "change_gauge": change_gauge,
    }
    return environment


def _asset(name: str) -> Markup:
    text = (files(__package__) / "assets" / name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704  ours


def _json(data: dict[str, object]) -> Markup:
    """JSON in which nothing can end the element around it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  escaped just above


@cache
def _library() -> Markup:
    """The charting library: gzip in base64 is less than half of it, and browsers can inflate it."""
    spec = find_spec("plotly")  # whose import would take a while, for nothing
    assert spec is not None
    assert spec.origin is not None
    source = (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_bytes()
    return Markup(b64encode(gzip.compress(source, mtime=0)).decode())  # noqa: S704  only base64
