"""The files of docs/recipes/ run as they stand there."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.e2e.conftest import Project
from tests.unit.project.test_recipes import INDEX, RECIPES, file_of, locustfiles

LOAD = """
import sys
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.child.locustfile.load import load
from harness.load.protocol.frames import Setup
load(Setup(sys.argv[1], "http://127.0.0.1:9", OpenWorkload((Stage(1, 1),)), seconds=1))
"""


@pytest.mark.parametrize("page", ["README", "websocket"])
def test_locustfile_of_a_recipe_is_not_refused(page: str, tmp_path: Path) -> None:
    (text,) = locustfiles(RECIPES / f"{page}.md")
    (tmp_path / "locustfile.py").write_text(text)
    command = [sys.executable, "-c", LOAD, str(tmp_path / "locustfile.py")]
    subprocess.run(command, check=True, timeout=240)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "needs"),
    [("fastapi", "prometheus_fastapi_instrumentator"), ("flask", "prometheus_flask_exporter")],
)
def test_recipe_runs_and_has_data_for_each_budget(
    recipe: str, needs: str, project: Project
) -> None:
    if find_spec(needs) is None:
        pytest.skip(f"not installed: {needs} (uv sync --group services)")
    page = RECIPES / f"{recipe}.md"
    programs = Path(sys.executable).parent
    plan = re.sub(r"command: (\w+)", rf"command: {programs}/\1", file_of(page, "budgets.yaml"))
    (project.path / "budgets.yaml").write_text(plan)
    (project.path / "shop.py").write_text(file_of(page, "shop.py"))
    (project.path / "locustfile.py").write_text(file_of(INDEX, "locustfile.py"))
    times = ("--warm-up", "1s", "--duration", "3s", "--max-duration", "3s")
    for out in ("run", "again", "once-more"):  # the machine may be too busy for a scrape
        result = project.harness("run", "--out", out, *times)
        assert result.code in {0, 3, 4}, result.out + result.err  # as busy as the machine is
        reasons = {one["name"]: one["reason"] for one in project.results(out)["budgets"]}
        assert list(reasons) == ["read-p95", "errors", "server-p95", "server-errors"]
        without = [text for text in reasons.values() if "no data" in text]
        if not without:
            break
    assert without == []


BEHIND_A_LOGIN = """
from fastapi import FastAPI, Header, HTTPException

app = FastAPI()


@app.get("/health")
def health() -> str:
    return "ok"


@app.post("/login")
def login(body: dict[str, str]) -> dict[str, str]:
    if body != {"name": "alice", "password": "opensesame"}:
        raise HTTPException(401)
    return {"token": "granted"}


@app.get("/items")
def items(authorization: str = Header("")) -> list[int]:
    if authorization != "Bearer granted":
        raise HTTPException(401)
    return [1]
"""


@pytest.mark.slow
def test_locustfiles_of_a_service_behind_a_login_are_let_in(project: Project) -> None:
    given, logging_in = locustfiles(RECIPES / "authentication.md")
    (project.path / "given.py").write_text(given)
    (project.path / "login.py").write_text(logging_in)
    (project.path / "shop.py").write_text(BEHIND_A_LOGIN)
    loads = {name: {"locustfile": f"{name}.py", "rate": "20/s"} for name in ("given", "login")}
    project.document = {
        "version": 1,
        "service": "shop",
        "target": {
            "command": f"{sys.executable} -m uvicorn shop:app --port {{port}} --no-access-log",
            "url": "http://127.0.0.1:{port}",
            "ready": "/health",
            "ready_timeout": "2m",
        },
        "scenarios": {"both": {"loads": loads, "duration": "2s", "max_duration": "2s"}},
        "budgets": {"errors": {"indicator": "error_ratio", "max": "10%"}},
    }
    project.environment |= {"API_TOKEN": "granted"}
    project.environment |= {"API_USERNAME": "alice", "API_PASSWORD": "opensesame"}
    result = project.judged("run")
    assert result.code == 0, result.out + result.err
    (errors,) = project.results()["budgets"]
    assert (errors["value"], errors["samples"] >= 60) == (0.0, True)
