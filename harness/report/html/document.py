"""A page as one text: a template with its styles, scripts and data."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.resources import files

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
LIBRARY = "plotly-basic.min.js"  # docs/decisions/0039-basic-bundle.md
PROFILE = "profile"  # data that no chart shows
# Of RFC 1924, as in `base64.b85encode`.
_BASE_85 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"


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


def compile_templates(*templates: str) -> None:
    """Compile templates, which `document` does otherwise when it first needs them."""
    for template in templates:
        _environment().get_template(template)


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
    """The charting library as gzip in base 85: 42% of its size, where base 64 has 44%.

    Its alphabet has no "/", so it cannot end the HTML element around it. The length comes first,
    because zeros after the gzip stream fill the last four bytes.
    """
    source = (files(__package__) / "assets" / LIBRARY).read_bytes()
    return _packed(gzip.compress(source, 6, mtime=0))  # 9 takes a quarter longer to save 0.2%


def _packed(data: bytes) -> Markup:
    """The text of `base64.b85encode`, which takes ten times as long."""
    import numpy as np  # a command without a page needs none

    length = len(data)
    words = np.frombuffer(data + bytes(-length % 4), ">u4").astype(np.uint32)
    digits = np.empty((len(words), 5), np.uint8)
    for place in reversed(range(5)):
        words, digits[:, place] = np.divmod(words, 85)
    text = np.frombuffer(_BASE_85, np.uint8)[digits].tobytes().decode()
    return Markup(f"{length}:{text}")  # noqa: S704  only base 85
