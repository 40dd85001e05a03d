"""Workers that are started by hand, by the command that the harness shows."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

SECRET = "0123456789abcdef" * 4
# Read by the interpreter at its start.
PRETEND = "import locust\nlocust.__version__ = {!r}\n"


class RemoteWorkers:
    """Starts `harness worker`.

    Attributes:
        temporary: The folder for temporary files of the workers.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        progress: str,
        run_id: str | None = None,
        version: str = "",
        prefix: tuple[str, ...] = (),
        secret: str = SECRET,
    ) -> int:
        """Run the command in a progress line of the harness; returns the number of the process.

        Args:
            progress: The line.
            run_id: Replaces the id of the run.
            version: Version of Locust that the worker pretends to have.
            prefix: A command that starts the worker.
            secret: The secret in the environment of the worker.
        """
        program, *options = shlex.split(progress.split("start others with: ")[1])
        assert program == "harness"
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        environment |= {"HARNESS_WORKER_SECRET": secret, "TMPDIR": str(self.temporary)}
        if run_id:
            options[options.index("--run-id") + 1] = run_id
        if version:
            (self.folder / "sitecustomize.py").write_text(PRETEND.format(version))
            environment["PYTHONPATH"] = str(self.folder)
        command = [*prefix, sys.executable, "-P", "-m", "harness", *options]
        with (self.folder / f"worker-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        self.processes.append(process)
        return len(self.processes) - 1

    def log(self, number: int) -> str:
        return (self.folder / f"worker-{number}.log").read_text()
