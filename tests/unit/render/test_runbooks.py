"""Each alert of this repository has its page, which says what it needs to say."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "docs/runbooks").glob("*.md"))
RULES = yaml.load((ROOT / "dashboards/prometheus/rules.yml").read_text(), Loader=yaml.CSafeLoader)
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_alert_leads_to_a_page_of_the_repository(alert: dict[str, dict[str, str]]) -> None:
    assert (ROOT / alert["annotations"]["runbook_url"]).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_is_reached_and_says_what_to_look_at_and_to_do(page: Path) -> None:
    urls = {alert["annotations"]["runbook_url"] for alert in ALERTS}
    assert f"docs/runbooks/{page.name}" in urls
    text = page.read_text()
    (named,) = re.findall(r"^# .*: `(?:\.\.\.)?(\w+)`$", text, re.MULTILINE)
    assert any(alert["alert"].endswith(named) for alert in ALERTS)
    assert text.index("## First look") < text.index("## Then") < text.index("To reproduce it:")
    for link in re.findall(r"\]\(([\w-]+\.md)\)", text):
        assert (page.parent / link).is_file()


def test_page_names_mistakes_that_can_be_planted() -> None:
    texts = "".join(page.read_text() for page in PAGES)
    planted = re.findall(r"SAMPLE_APP_REGRESSIONS=([\w,]+)", texts)
    assert planted
    for name in ",".join(planted).split(","):
        assert (ROOT / f"sample_app/regressions/{name}.py").is_file()
