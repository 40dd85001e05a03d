"""docs/deploy: the manifest for a run on Kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from harness.cli import parser
from harness.load.protocol.master import MASTER_PORT

DEPLOY = Path("docs/deploy")
TEXT = (DEPLOY / "kubernetes.yaml").read_text()
SERVICE, MASTER, WORKERS = list(yaml.safe_load_all(TEXT))
SECRET_FILE = Path("/run/secrets/harness/worker.secret")


def pod(job: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def options(job: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the job's container, as the command line reads them."""
    (container,) = pod(job)["containers"]
    arguments = container["args"]
    return vars(parser(arguments[:1]).parse_args(arguments))


def test_jobs_are_a_master_and_its_workers() -> None:
    master, worker = options(MASTER), options(WORKERS)
    assert [job["kind"] for job in (MASTER, WORKERS)] == ["Job", "Job"]
    assert master["expect_workers"] == WORKERS["spec"]["parallelism"]
    assert WORKERS["spec"]["completions"] == WORKERS["spec"]["parallelism"]
    assert master["run_id"] == worker["run_id"]
    assert worker["master"] == (SERVICE["metadata"]["name"], MASTER_PORT)
    assert master["bind"] == ("0.0.0.0", MASTER_PORT)


def test_service_leads_to_the_master() -> None:
    labels = MASTER["spec"]["template"]["metadata"]["labels"]
    assert SERVICE["spec"]["selector"].items() <= labels.items()
    assert [port["port"] for port in SERVICE["spec"]["ports"]] == [MASTER_PORT]
    other = WORKERS["spec"]["template"]["metadata"]["labels"]
    assert not SERVICE["spec"]["selector"].items() <= other.items()


def test_secret_is_mounted_as_a_file_and_is_not_in_the_manifest() -> None:
    for job in (MASTER, WORKERS):
        assert options(job)["worker_secret_file"] == SECRET_FILE
        (container,) = pod(job)["containers"]
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod(job)["volumes"]}
        secret = volumes[mounts[str(SECRET_FILE.parent)]]["secret"]
        # Owned by root: the group of fsGroup reads it, and others do not.
        assert secret["defaultMode"] == 0o440
        assert pod(job)["securityContext"]["fsGroup"] == pod(job)["securityContext"]["runAsUser"]
        assert f"create secret generic {secret['secretName']}" in TEXT
        assert f"--from-file={SECRET_FILE.name}=" in TEXT
        assert "env" not in container
    kinds = [document["kind"] for document in yaml.safe_load_all(TEXT)]
    assert kinds == ["Service", "Job", "Job"]  # the secret is made by a command


def test_run_is_made_once_and_workers_have_a_core_each() -> None:
    for job in (MASTER, WORKERS):
        assert job["spec"]["backoffLimit"] == 0
        assert pod(job)["restartPolicy"] == "Never"
    (container,) = pod(WORKERS)["containers"]
    assert container["resources"]["requests"]["cpu"] == "1"


def test_image_runs_the_harness_as_the_user_of_the_manifest() -> None:
    image = (DEPLOY / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["harness"]' in image
    assert f"USER {pod(MASTER)['securityContext']['runAsUser']}" in image
    assert "PYTHONPATH=/mnt:/mnt/load" in image
