"""Pictures of reports in a browser: the first screen of each, as PNG.

    uv run python -m docs.pages fail=RUN_DIR/report.html    docs/images/report-fail.png

Debian's Chromium draws them, as in the tests.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.browser import chromium, ready

IMAGES = Path(__file__).parent / "images"


def main(arguments: list[str]) -> None:
    """Draw each page in the arguments."""
    with chromium() as browser:
        for argument in arguments:
            name, _, path = argument.partition("=")
            page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="light")
            page.goto(Path(path).resolve().as_uri())
            ready(page)
            page.screenshot(path=IMAGES / f"report-{name}.png")
            page.close()


if __name__ == "__main__":
    main(sys.argv[1:])
