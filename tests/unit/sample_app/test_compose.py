"""docker-compose.yml, the image and the files that are mounted into the containers."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from sample_app.settings import Settings

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "sample_app" / "deploy"
COMPOSE = yaml.load((ROOT / "docker-compose.yml").read_text(), Loader=yaml.CSafeLoader)
IMAGES = {
    "sample_app/Dockerfile": (".dockerignore", "uv sync --locked --only-group sample"),
    "docs/deploy/Dockerfile": (
        "docs/deploy/Dockerfile.dockerignore",
        "uv sync --locked --no-default-groups --no-editable",
    ),
}
LIGHT = {"app", "postgres", "redis"}
UNASKED = {
    "otel-collector",
    "locust-worker",
    "harness",
    "harness-worker",
}  # nothing in the image could ask; nobody waits
PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?")


def problems(document: dict[str, Any]) -> list[str]:
    """What is wrong with a compose file, by our rules."""
    services = document["services"]
    return [
        f"{name}: {problem}"
        for name, service in services.items()
        for problem in (*_alone(service), *_together(name, services))
    ]


def _alone(service: dict[str, Any]) -> Iterator[str]:
    if "build" not in service and not PINNED.fullmatch(service["image"]):
        yield "no pinned tag"
    if any(not port.startswith("127.0.0.1:") for port in service.get("ports", ())):
        yield "a port for everybody"
    for volume in service.get("volumes", ()):
        source = volume.split(":")[0]
        if source.startswith((".", "/")) and not volume.endswith(":ro"):
            yield f"{source} can be written"
        if source.startswith(".") and not (ROOT / source).exists():
            yield f"{source} does not exist"
    if service.get("privileged") or service.get("network_mode") == "host":
        yield "not contained"
    if "memory" not in service.get("deploy", {}).get("resources", {}).get("limits", {}):
        yield "no memory limit"


def _together(name: str, services: dict[str, Any]) -> Iterator[str]:
    service = services[name]
    if "healthcheck" not in service and name not in UNASKED:
        yield "no health check"
    if bool(service.get("profiles")) != (name not in LIGHT):
        yield "in the wrong half"
    for other, how in service.get("depends_on", {}).items():
        if how != {"condition": "service_healthy"} or "healthcheck" not in services[other]:
            yield f"does not wait until {other} is healthy"
        if other not in LIGHT and services[other].get("profiles") != service.get("profiles"):
            yield f"needs {other} of another profile"


def test_compose_file_follows_every_rule() -> None:
    assert problems(COMPOSE) == []
    assert COMPOSE["services"].keys() > LIGHT


def _set(service: str, key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda services: services[service].__setitem__(key, value)


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a moving tag": (_set("redis", "image", "redis:latest"), "redis: no pinned tag"),
    "a major version only": (_set("redis", "image", "redis:8-alpine"), "redis: no pinned tag"),
    "no tag": (_set("tempo", "image", "grafana/tempo"), "tempo: no pinned tag"),
    "an open port": (_set("app", "ports", ["8000:8000"]), "app: a port for everybody"),
    "a folder that can be written": (
        _set("locust-worker", "volumes", ["./scenarios:/mnt/scenarios"]),
        "locust-worker: ./scenarios can be written",
    ),
    "a mount of nothing": (
        _set("tempo", "volumes", ["./sample_app/deploy/absent.yaml:/etc/tempo.yaml:ro"]),
        "tempo: ./sample_app/deploy/absent.yaml does not exist",
    ),
    "no health check": (
        lambda services: services["postgres"].pop("healthcheck"),
        "app: does not wait until postgres is healthy",
    ),
    "a start that does not wait": (
        _set("app", "depends_on", {"postgres": {"condition": "service_started"}}),
        "app: does not wait until postgres is healthy",
    ),
    "a light half that needs the other": (
        _set("app", "depends_on", {"tempo": {"condition": "service_healthy"}}),
        "app: needs tempo of another profile",
    ),
    "a need across profiles": (
        _set("locust-master", "depends_on", {"tempo": {"condition": "service_healthy"}}),
        "locust-master: needs tempo of another profile",
    ),
    "all in the light half": (
        lambda services: services["grafana"].pop("profiles"),
        "grafana: in the wrong half",
    ),
    "no memory limit": (_set("redis", "deploy", {}), "redis: no memory limit"),
}


@pytest.mark.parametrize(("change", "problem"), BROKEN.values(), ids=BROKEN)
def test_broken_compose_file_is_found_out(
    change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    document = copy.deepcopy(COMPOSE)
    change(document["services"])
    assert problem in problems(document)


def test_service_gets_settings_that_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = COMPOSE["services"]["app"]["environment"]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    known = (ROOT / "sample_app" / ".env.example").read_text()
    assert [n for n in environment if n.startswith("SAMPLE_APP_") and f"{n}=" not in known] == []
    settings = Settings(_env_file=None)
    assert settings.database.url == environment["SAMPLE_APP_DATABASE_URL"]
    assert settings.redis.url == environment["SAMPLE_APP_REDIS_URL"]
    assert settings.cache_levels == ("memory", "redis")


def test_database_and_app_agree_on_name_and_password() -> None:
    database = COMPOSE["services"]["postgres"]["environment"]
    user, password, name = (database[f"POSTGRES_{key}"] for key in ("USER", "PASSWORD", "DB"))
    url = COMPOSE["services"]["app"]["environment"]["SAMPLE_APP_DATABASE_URL"]
    assert url == f"postgresql+asyncpg://{user}:{password}@postgres:5432/{name}"


def test_locust_in_containers_is_the_locked_one() -> None:
    services = COMPOSE["services"]
    images = {services[name]["image"] for name in ("locust-master", "locust-worker")}
    assert images == {f"locustio/locust:{version('locust')}"}


@pytest.mark.parametrize("path", IMAGES)
def test_image_is_pinned_locked_and_without_root(path: str) -> None:
    text = (ROOT / path).read_text()
    stages = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert [stage for stage in stages if not PINNED.fullmatch(stage)] == []
    last = text.rsplit("FROM ", 1)[1]
    assert re.findall(r"^USER (.+)$", last, re.MULTILINE) == ["10001"]
    start = re.search(r"^(CMD|ENTRYPOINT) \[", last, re.MULTILINE)
    assert start is not None
    assert last.index("USER") < start.start()
    assert IMAGES[path][1] in text


@pytest.mark.parametrize("path", IMAGES)
def test_image_context_holds_what_is_copied_and_no_more(path: str) -> None:
    lines = (ROOT / IMAGES[path][0]).read_text().splitlines()
    assert lines[1] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / path).read_text(), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_container_is_stopped_after_its_requests_and_background_tasks_had_their_time() -> None:
    text = (ROOT / "sample_app" / "Dockerfile").read_text()
    graceful = re.search(r'"--timeout-graceful-shutdown", "(\d+)"', text)
    assert graceful  # without it a client that never ends keeps the service from its own end
    assert int(graceful[1]) >= Settings().http.timeout
    killed = int(COMPOSE["services"]["app"]["stop_grace_period"].removesuffix("s"))
    assert killed > int(graceful[1]) + Settings().tasks.drain


def test_builds_of_the_compose_file_name_files_that_exist() -> None:
    builds = [s["build"]["dockerfile"] for s in COMPOSE["services"].values() if "build" in s]
    assert set(builds) == set(IMAGES)


def test_gate_is_not_stopped_when_its_workers_end() -> None:
    """They end with the load; `--exit-code-from` stops everything when one container ends."""
    text = (ROOT / "docker-compose.yml").read_text()
    assert re.findall(r"--exit-code-from|--abort-on-container-\w+", text) == []
    assert "docker compose --profile gate wait harness" in text


def test_gate_and_workers_get_a_secret_that_is_not_in_the_repository() -> None:
    (secret,) = COMPOSE["secrets"].values()
    assert secret.keys() == {"file"}
    assert f"/{Path(secret['file']).parts[0]}/" in (ROOT / ".gitignore").read_text().splitlines()
    made_by = re.findall(r"openssl rand -hex 32 > (\S+)", (ROOT / "docker-compose.yml").read_text())
    assert made_by == [secret["file"]]
    for name in ("harness", "harness-worker"):
        service = COMPOSE["services"][name]
        assert service["secrets"] == [*COMPOSE["secrets"]]
        assert f"--worker-secret-file /run/secrets/{service['secrets'][0]}" in service["command"]


def test_collector_pipeline_ends_at_tempo() -> None:
    collector = yaml.safe_load((DEPLOY / "otel-collector.yaml").read_text())
    for pipeline in collector["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert pipeline[kind]
            assert set(pipeline[kind]) <= collector[kind].keys()
    host, port = collector["exporters"]["otlp_grpc"]["endpoint"].split(":")
    tempo = yaml.safe_load((DEPLOY / "tempo.yaml").read_text())
    received = tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert host in COMPOSE["services"]
    assert received.rsplit(":", 1)[1] == port
    sent_to = COMPOSE["services"]["app"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    taken = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rsplit(":", 1)[1]
    assert sent_to == f"${{COMPOSE_PROFILES:+http://otel-collector:{taken}}}"


def test_commands_that_export_traces_start_the_collector_too() -> None:
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / "docs" / "service.md").read_text()
    with_variable = re.findall(r"COMPOSE_PROFILES=(\S+) docker compose up", text)
    assert with_variable
    assert [profiles for profiles in with_variable if "watch" not in profiles.split(",")] == []


def test_grafana_reads_from_services_that_exist() -> None:
    path = DEPLOY / "grafana" / "provisioning" / "datasources" / "datasources.yaml"
    sources = {source["uid"]: source for source in yaml.safe_load(path.read_text())["datasources"]}
    tempo = yaml.safe_load((DEPLOY / "tempo.yaml").read_text())
    assert {uid: source["url"] for uid, source in sources.items()} == {
        "prometheus": "http://prometheus:9090",
        "tempo": f"http://tempo:{tempo['server']['http_listen_port']}",
    }
    options = sources["prometheus"]["jsonData"]
    assert {link["datasourceUid"] for link in options["exemplarTraceIdDestinations"]} == {"tempo"}
    prometheus = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    assert options["timeInterval"] == prometheus["global"]["scrape_interval"]


def _compose() -> bool:
    """Whether `docker compose` is there; it needs no engine to read a file."""
    docker = shutil.which("docker")
    return (
        docker is not None
        and not subprocess.run(
            [docker, "compose", "version"], capture_output=True, check=False
        ).returncode
    )


@pytest.mark.parametrize("profiles", ["", "watch", "load", "gate", "*"])
def test_docker_compose_accepts_the_file(profiles: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not _compose():
        pytest.skip("docker compose is not installed")
    monkeypatch.setenv("COMPOSE_PROFILES", profiles)
    ended = subprocess.run(
        ["docker", "compose", "config"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    resolved = yaml.safe_load(ended.stdout)["services"]
    assert resolved.keys() >= LIGHT
    assert (resolved.keys() == COMPOSE["services"].keys()) == (profiles == "*")
    endpoint = resolved["app"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert bool(endpoint) == bool(profiles)
