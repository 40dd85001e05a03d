"""What docs/deploy offers for runs on many machines."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

DEPLOY = Path("docs/deploy")
MANIFEST: dict[str, Any] = yaml.safe_load((DEPLOY / "locusttest.yaml").read_text())
# What the operator's resource definition (locust.io/v1) says of the keys that we use.
LOCUST_TEST = {
    "type": "object",
    "additionalProperties": False,
    "required": ["workers"],
    "properties": {
        "image": {"type": "string"},
        "workers": {"type": "integer", "minimum": 1},
        "args": {"type": "string"},
        "env": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
            },
        },
        "locustfile": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"configMap": {"type": "object", "required": ["name"]}},
        },
        "worker": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"resources": {"type": "object"}},
        },
    },
}


def started(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the entry point starts, as its words in lines."""
    for name in ("harness", "locust"):
        command = folder / name
        command.write_text(f'#!/bin/sh\nprintf "%s\\n" {name} "$@"\n')
        command.chmod(0o755)
    return subprocess.run(
        ["sh", str(DEPLOY / "entrypoint.sh"), *arguments],
        env={"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_manifest_fits_the_operators_definition() -> None:
    assert (MANIFEST["apiVersion"], MANIFEST["kind"]) == ("locust.io/v1", "LocustTest")
    jsonschema.validate(MANIFEST["spec"], LOCUST_TEST)


def test_manifest_waits_for_as_many_workers_as_it_starts() -> None:
    environment = {entry["name"]: entry["value"] for entry in MANIFEST["spec"]["env"]}
    assert int(environment["HARNESS_WORKERS"]) == MANIFEST["spec"]["workers"]


def test_entrypoint_as_master_is_the_gate(tmp_path: Path) -> None:
    arguments = MANIFEST["spec"]["args"].split()
    environment = {entry["name"]: entry["value"] for entry in MANIFEST["spec"]["env"]}
    ended = started(tmp_path, "--master", *arguments, **environment)
    assert ended.stdout.split() == [
        *("harness", "run", *arguments, "--expect-workers", "4"),
        *("--run-id", environment["HARNESS_RUN_ID"]),
    ]


def test_entrypoint_as_worker_gets_the_locustfile_from_its_master(tmp_path: Path) -> None:
    arguments = MANIFEST["spec"]["args"].split()
    ended = started(tmp_path, "--worker", "--master-host", "shop-master", *arguments)
    assert ended.stdout.split() == ["locust", "-f", "-", "--worker", "--master-host", "shop-master"]


def test_entrypoint_with_a_command_is_harness(tmp_path: Path) -> None:
    assert started(tmp_path, "lint", "--url", "http://a").stdout.split() == [
        *("harness", "lint", "--url", "http://a")
    ]


@pytest.mark.parametrize("missing", ["HARNESS_WORKERS", "HARNESS_RUN_ID"])
def test_entrypoint_as_master_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    environment = {"HARNESS_WORKERS": "2", "HARNESS_RUN_ID": "a"}
    del environment[missing]
    ended = started(tmp_path, "--master", "load", **environment)
    assert (ended.returncode != 0, ended.stdout) == (True, "")
    assert missing in ended.stderr
