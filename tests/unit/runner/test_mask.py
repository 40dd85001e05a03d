"""Secrets from the environment: what is shown in their place, and where."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness import names
from harness.errors import ScenarioError
from harness.runner.mask import mask_of, masked_arguments
from harness.runner.options import RunOptions
from harness.runner.run import gather
from harness.runs.folder import RunFolder, read_manifest
from tests.unit.runner.fakes import SCENARIO, FakeFleet, http_service, plan
from tests.unit.runner.test_run import opened_by, raising

ENVIRONMENT = {"TOKEN": "s3cret", "LONGER": "s3cret-and-more", "N": "1", "OTHER": "other", "E": ""}
TEXT = "command: run ${TOKEN} ${LONGER:-x} --workers ${N} ${E:-y} ${ABSENT:-z}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run s3cret --workers 1", "run ${TOKEN} --workers 1"),
        ("s3cret-and-more, s3cret", "${LONGER}, ${TOKEN}"),
        ("other x y z", "other x y z"),
        ("", ""),
    ],
)
def test_values_of_named_variables_are_shown_as_they_were_written(text: str, shown: str) -> None:
    assert mask_of(TEXT, ENVIRONMENT)(text) == shown


def test_nothing_is_masked_without_variables() -> None:
    assert mask_of("version: 1", ENVIRONMENT)("s3cret") == "s3cret"


async def test_secret_is_in_no_text_of_a_run_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    target = plan().target
    assert target is not None
    command = "sh -c 'echo I was given $0; exit 3' s3cret {port}"
    starts = replace(target, command=command, url="http://127.0.0.1:{port}")
    shop = replace(plan(), target=starts, text="command: ... ${TOKEN}")
    early = FakeFleet([]).early
    manifest = await gather(shop, SCENARIO, RunFolder(tmp_path), RunOptions(), start_early=early)
    assert manifest.reason.splitlines()[2] == "    I was given ${TOKEN}"
    assert "exit 3' ${TOKEN}" in manifest.reason
    assert "s3cret" not in (tmp_path / names.MANIFEST_FILE).read_text()


async def test_secret_is_in_no_error_about_a_locustfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    fleet = opened_by(raising(ScenarioError("KeyError: s3cret", "look for s3cret")))([])
    shop = replace(plan(), target=None, text="${TOKEN}")
    with http_service([]) as url:
        options, folder = RunOptions(url=url), RunFolder(tmp_path)
        with pytest.raises(ScenarioError) as caught:
            await gather(
                *(shop, SCENARIO, folder, options), open_fleet=fleet.open, start_early=fleet.early
            )
    assert (caught.value.message, caught.value.hint) == ("KeyError: ${TOKEN}", "look for ${TOKEN}")
    assert (
        read_manifest(RunFolder(tmp_path)).reason == "KeyError: ${TOKEN}\nhint: look for ${TOKEN}"
    )


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("--host-name x", "--host-name x"),
        ("--api-key x y --other z", "--api-key *** *** --other z"),
        ("--password=x --n=1", "--password=*** --n=1"),
        ("UserClass --TOKEN x", "UserClass --TOKEN ***"),
        ("", ""),
    ],
)
def test_values_of_secret_options_are_masked(arguments: str, shown: str) -> None:
    assert masked_arguments(arguments.split()) == shown.split()
