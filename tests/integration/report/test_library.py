"""The charting library of the pages is that of its npm package."""

from filecmp import cmp

import pytest

from harness.report.html.document import LIBRARY
from tests.integration.services.catalogue import NODE, ROOT, missing_in_node, skip_or_fail

PACKAGE = "plotly.js-basic-dist-min"
ASSETS = ROOT / "harness/report/html/assets"


@pytest.mark.parametrize(
    ("name", "copy"), [(LIBRARY, LIBRARY), ("LICENSE", "plotly-basic.LICENSE")]
)
def test_library_has_no_drift_from_its_package(name: str, copy: str) -> None:
    skip_or_fail(missing_in_node(PACKAGE))
    assert cmp(NODE / "node_modules" / PACKAGE / name, ASSETS / copy, shallow=False), (
        "the version in tests/services/node/package-lock.json is another one: make charts"
    )
