"""The audit of the locked dependencies: its waivers, what pip-audit writes, the verdict on both.

REPORT is what pip-audit 2.10 writes for three packages: one with a vulnerability, one without, and
one that its service does not know.
"""

import importlib.util
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

TODAY = date(2026, 11, 28)
REPORT = (
    '{"dependencies": [{"name": "jinja2", "version": "2.10", "vulns": [{"id": "PYSEC-2019-217",'
    ' "fix_versions": ["2.10.1"], "aliases": ["CVE-2019-10906", "GHSA-462w-v97r-4m45"]}]},'
    ' {"name": "markupsafe", "version": "1.1.1", "vulns": []}, {"name": "gone", "skip_reason":'
    ' "Dependency not found on PyPI and could not be audited: gone (1.0)"}], "fixes": []}'
)
JINJA = "jinja2 2.10: PYSEC-2019-217 = CVE-2019-10906 = GHSA-462w-v97r-4m45; fixed in 2.10.1"
WAIVER = '[[waiver]]\nid = "{}"\nreason = "no user writes templates"\nuntil = 2026-12-31\n'


def _audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", Path(".ci/audit.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module  # where its dataclasses look
    spec.loader.exec_module(module)
    return module


audit = _audit()


def judged(waivers: str, report: str = REPORT) -> tuple[list[str], list[str]]:
    found: tuple[list[str], list[str]] = audit.judge(
        audit.parse_report(report), audit.parse_waivers(waivers, TODAY)
    )
    return found


def test_committed_waivers_are_well_formed() -> None:
    assert isinstance(audit.parse_waivers(audit.WAIVERS.read_text(), date(2000, 1, 1)), list)


def test_vulnerability_without_a_waiver_fails() -> None:
    failures, told = judged("")
    assert failures == [JINJA]
    assert told == ["not audited, unknown to the service: gone"]


@pytest.mark.parametrize("id_", ["PYSEC-2019-217", "CVE-2019-10906", "GHSA-462w-v97r-4m45"])
def test_waiver_with_any_of_the_numbers_holds(id_: str) -> None:
    failures, told = judged(WAIVER.format(id_))
    assert failures == []
    assert told[0] == f"waived until 2026-12-31 (no user writes templates): {JINJA}"


def test_waiver_of_something_else_waives_nothing_and_is_told() -> None:
    failures, told = judged(WAIVER.format("CVE-2020-1"))
    assert failures == [JINJA]
    assert told[-1] == "waiver of CVE-2020-1 is not needed: remove it"


def test_waiver_holds_on_its_last_day_and_not_after() -> None:
    text = WAIVER.format("CVE-2019-10906")
    assert len(audit.parse_waivers(text, date(2026, 12, 31))) == 1
    with pytest.raises(audit.AuditError, match="CVE-2019-10906 expired on 2026-12-31"):
        audit.parse_waivers(text, date(2027, 1, 1))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[waiver]\n", "not TOML"),
        ("waiver = 3\n", "only tables"),
        ("[[waivers]]\n", "only tables"),
        ("waiver = [3]\n", "waiver 1: its keys must be"),
        ('[[waiver]]\nid = "CVE-1"\nreason = "why"\n', "waiver 1: its keys must be"),
        (WAIVER.format("CVE-1") + 'by = "me"\n', "waiver 1: its keys must be"),
        (WAIVER.format(" "), "waiver 1: `id` must be"),
        (WAIVER.format("A").replace('"no user writes templates"', "1"), "waiver 1: `reason` must"),
        (WAIVER.format("A").replace("2026-12-31", '"2026-12-31"'), "waiver 1: `until` must be"),
        (WAIVER.format("A").replace("-31", "-31T10:00:00Z"), "waiver 1: `until` must be"),
        (WAIVER.format("A") * 2, "A is waived twice"),
    ],
)
def test_malformed_waiver_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(audit.AuditError, match=reason):
        audit.parse_waivers(text, TODAY)


def test_service_that_knows_no_package_is_no_audit() -> None:
    report = '{"dependencies": [{"name": "gone", "skip_reason": "not found"}], "fixes": []}'
    failures, told = judged(WAIVER.format("CVE-2020-1"), report)
    assert failures == []
    assert told == ["nothing was audited: the service knows none of 1 packages"]


def test_vulnerability_that_no_version_fixes_says_so() -> None:
    failures, _ = judged("", REPORT.replace('["2.10.1"]', "[]"))
    assert failures == [JINJA.replace("fixed in 2.10.1", "no version fixes it")]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_report_is_read_though_pip_audit_fails_with_findings() -> None:
    text = audit.ask(python(f"import sys; print({REPORT!r}); sys.exit(1)"))
    assert audit.parse_report(text).audited == 2


@pytest.mark.parametrize(
    "last",
    [
        "requests.exceptions.ConnectionError: Max retries exceeded",
        "requests.exceptions.JSONDecodeError: Expecting value",
        "pip_audit._service.interface.ServiceError",
        "ERROR:pip_audit._cli:Tip: your network may be blocking this service. Try another",
    ],
)
def test_service_that_does_not_answer_is_told_from_a_fault(last: str) -> None:
    with pytest.raises(audit.NoAnswerError, match="does not answer"):
        audit.ask(python(f"import sys; sys.exit('Traceback\\n' + {last!r})"))


def test_service_that_answers_too_late_does_not_answer() -> None:
    with pytest.raises(audit.NoAnswerError, match=r"within 0\.1 s"):
        audit.ask(python("import time; time.sleep(60)"), timeout=0.1)


def test_other_fault_of_pip_audit_fails_with_what_it_says() -> None:
    with pytest.raises(audit.AuditError, match=r"ended with 1:\nfoo>=1 does not contain a hash"):
        audit.ask(python("import sys; sys.exit('foo>=1 does not contain a hash')"))


def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, waivers: str, answer: object) -> int:
    def answered() -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(audit, "audit", answered)
    file = tmp_path / "waivers.toml"
    file.write_text(waivers)
    code: int = audit.main(file)
    return code


def test_outcome_is_an_exit_code_and_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    report = audit.parse_report(REPORT)
    assert made(monkeypatch, tmp_path, "", report) == 1
    out, err = capsys.readouterr()
    assert out == "audit: 2 locked packages, 1 vulnerabilities, 1 not waived\n"
    assert f"audit: {JINJA}\n" in err
    far = WAIVER.format("CVE-2019-10906").replace("2026", "9999")
    assert made(monkeypatch, tmp_path, far, report) == 0
    assert "0 not waived" in capsys.readouterr().out
    assert made(monkeypatch, tmp_path, far.replace("9999", "2020"), report) == 1
    assert "waivers.toml: waiver of CVE-2019-10906 expired" in capsys.readouterr().err
    assert made(monkeypatch, tmp_path, "", audit.AuditError("pip-audit ended with 2")) == 1
    assert capsys.readouterr().err == "audit: pip-audit ended with 2\n"


def test_audit_without_an_answer_is_a_warning_that_the_host_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert made(monkeypatch, tmp_path, "", audit.NoAnswerError("no answer within 300 s")) == 0
    out, err = capsys.readouterr()
    assert out == "::warning title=audit::nothing was audited: no answer within 300 s\n"
    assert err == "audit: warning: nothing was audited: no answer within 300 s\n"
