"""Readiness and scrapes of a service behind a private CA."""

from pathlib import Path

import pytest

from harness.budgets.model import Target
from harness.errors import TargetError, UsageError
from harness.observe.metric_families import fetch_families
from harness.observe.target import serve
from harness.runs.metrics import MetricsLog
from tests.integration.observe.scraping import patient
from tests.tls import certificate, tls_server


@pytest.mark.needs_openssl
async def test_service_behind_a_private_ca_is_ready_and_scraped(tmp_path: Path) -> None:
    own, log = certificate(tmp_path, "own"), tmp_path / "target.log"
    with tls_server(own) as url, MetricsLog(tmp_path / "metrics.om") as metrics:
        trusting = Target(url=url, metrics=("/metrics",), ca_file=own)
        async with serve(trusting, log) as service:
            scraper = patient(service, metrics)
            await scraper.scrape()
        assert (scraper.failures, scraper.last_error) == (0, "")
        assert {(sample.family, sample.value) for sample in scraper.samples} == {("answers", 1.0)}
        assert set(fetch_families(url, trusting)) == {"answers"}
        async with serve(Target(url="http://127.0.0.1:1", ca_file=own), log, url) as service:
            assert service.url == url
        plain = Target(url=url, metrics=("/metrics",))
        with pytest.raises(TargetError, match="certificate verify failed"):
            async with serve(plain, log):
                pass
        with pytest.raises(TargetError, match="certificate verify failed"):
            fetch_families(url, plain)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), ("no PEM", "it has no certificate in PEM")],
)
async def test_unusable_ca_file_is_refused_before_the_service_starts(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    target = Target(url="http://127.0.0.1:{port}", command="touch started {port}", ca_file=file)
    with pytest.raises(UsageError) as caught:
        async with serve(target, tmp_path / "target.log"):
            pass
    assert caught.value.message == f"target.ca_file: cannot use {file}: {reason}"
    assert "relative to the folder of budgets.yaml" in caught.value.hint
    assert not (tmp_path / "target.log").exists()
