"""Workers that are started by hand: stock Locust, without an installed harness."""

import os
import subprocess
import sys
from pathlib import Path

STOCK = Path(__file__).parent / "stock_locust.py"


class RemoteWorkers:
    """Starts stock Locust workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        progress: str,
        run_id: str | None = None,
        version: str = "",
        prefix: tuple[str, ...] = (),
    ) -> int:
        """Run the command in a progress line of the harness; returns the number of the process."""
        setting, _, *options = progress.split("start others with: ")[1].split()
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        environment["HARNESS_RUN_ID"] = run_id or setting.split("=")[1]
        command = [sys.executable, "-P", str(STOCK), *filter(None, [version]), *options]
        command = [*prefix, *command]
        with (self.folder / f"stock-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        self.processes.append(process)
        return len(self.processes) - 1

    def log(self, number: int) -> str:
        return (self.folder / f"stock-{number}.log").read_text()
