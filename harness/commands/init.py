"""`harness init`: write a budgets.yaml and a locustfile for a service."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from harness.budgets.limits import TRIAL
from harness.budgets.model import Target
from harness.commands.parts.draft import Draft, nothing_called
from harness.commands.parts.option_types import quantity, url
from harness.commands.parts.outputs import print_line, write, write_copy
from harness.errors import EXIT_PASS, TargetError, UsageError
from harness.observe.command import PLACE, split_command
from harness.observe.fetch import tls_of
from harness.units import counted

if TYPE_CHECKING:
    from harness.commands.parts.find_service import FoundMetrics
    from harness.init.budgets_file import TargetText
    from harness.init.model import Operation, Selection
    from harness.observe.target import Service

_MOST_LOG: Final = 64 * 2**20  # bytes of a HAR or an access log


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness init`."""
    _add_service(parser)
    _add_operations(parser)
    parser.add_argument(
        "--trial",
        type=quantity(TRIAL),
        default=8.0,
        metavar="TIME",
        help="length of the short run that proposes the bounds (default: 8s)",
    )
    parser.add_argument(
        "--scenario",
        type=_name,
        default="load",
        metavar="NAME",
        help="name of the scenario (default: load)",
    )
    parser.add_argument("--service", type=_name, metavar="NAME", help="name of the service")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder for budgets.yaml, in which the command runs (default: this one)",
    )


def _add_service(parser: argparse.ArgumentParser) -> None:
    service = parser.add_argument_group("the service")
    service.add_argument(
        "--command",
        dest="start",
        metavar="CMD",
        help="command that starts the service, with {port} in place of the port",
    )
    service.add_argument("--url", type=url, help="service that runs already")
    service.add_argument(
        "--metrics",
        metavar="PATH|URL|none",
        help="where its Prometheus metrics are (default: looked for at the usual paths)",
    )
    service.add_argument(
        "--ca-file",
        type=Path,
        metavar="FILE",
        help="certificates in PEM that verify an https service (default: those of this machine)",
    )
    service.add_argument("--ready", metavar="PATH", help="path that answers 2xx when it is ready")


def _add_operations(parser: argparse.ArgumentParser) -> None:
    operations = parser.add_mutually_exclusive_group()
    operations.add_argument(
        "--openapi",
        metavar="FILE|URL",
        help="its OpenAPI or Swagger document (default: looked for at the usual paths)",
    )
    operations.add_argument(
        "--har", type=Path, metavar="FILE", help="requests that a browser recorded"
    )
    operations.add_argument(
        "--access-log", type=Path, metavar="FILE", help="log in the common or combined format"
    )
    operations.add_argument(
        "--path", action="append", metavar="PATH", help="path to get; repeatable"
    )
    parser.add_argument(
        "--writes", action="store_true", help="also call what may change data: POST, PUT, ..."
    )


def init(options: argparse.Namespace) -> int:
    """Write a budgets.yaml and a locustfile for a service, from what it offers.

    Raises:
        UsageError: A file exists, an input cannot be used, or no operation can be called.
        TargetError: The service does not start or does not answer.
    """
    budgets_file, locustfile = _new_files(options)
    target = _target(options)
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="harness-init-") as name:
        folder = Path(name)
        seen = _look(target, options, folder)
        draft = Draft(
            seen.selection,
            _target_text(target, seen, options),
            options.scenario,
            host=seen.url if target.command is None else "http://127.0.0.1:8000",
            families=seen.metrics.families,
            seconds=math.ceil(options.trial),
        )
        draft.measure(budgets_file, folder)
    write_copy(locustfile, draft.locustfile())
    write_copy(budgets_file, draft.budgets())
    _report(draft, budgets_file, locustfile)
    return EXIT_PASS


def _new_files(options: argparse.Namespace) -> tuple[Path, Path]:
    """The files to write; both must not exist."""
    files = options.output / "budgets.yaml", options.output / f"scenarios/{options.scenario}.py"
    for file in files:
        if file.exists():
            raise UsageError(
                f"{file} exists already, and init overwrites nothing",
                "name another folder with --output, or another scenario with --scenario",
            )
    for file in files:
        folder = next(one for one in (*file.parents, Path()) if one.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(
                f"{folder} is not a folder that can be written", "name another folder with --output"
            )
    return files


def _target(options: argparse.Namespace) -> Target:
    """The service by the options."""
    if options.start is None and options.url is None:
        raise UsageError(
            "init needs a service to look at",
            "start it and give its --url, or give the --command that starts it",
        )
    if options.start is not None:
        _check_command(options.start)
    if options.start is not None and options.url is None and PLACE not in options.start:
        raise UsageError(
            f"the command has no {PLACE}, so its port is not known",
            f"write {PLACE} where it takes its port, or add --url with the port that it uses",
        )
    address = options.url or f"http://127.0.0.1:{PLACE}"
    tls_of(options.ca_file, "--ca-file", "name the PEM file of the CA")
    return Target(
        url=address,
        command=options.start,
        ready=options.ready,
        metrics=() if options.metrics in {None, "none"} else (options.metrics,),
        directory=options.output.resolve(),
        ca_file=options.ca_file,
    )


def _check_command(command: str) -> None:
    """Refuse a command that only a shell understands, before anything runs."""
    try:
        split_command(command)
    except TargetError as error:
        raise UsageError(f"--command: {error.message}", error.hint) from error


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look at the service gave."""

    selection: Selection
    metrics: FoundMetrics
    ready: str
    url: str


def _look(target: Target, options: argparse.Namespace, folder: Path) -> _Seen:
    """Start the service if there is a command, and look at what it offers."""
    from harness.observe.target import serve

    log = folder / "target.log"

    async def look() -> _Seen:
        async with serve(target, log) as service:
            stopped = Event()
            try:
                return await asyncio.to_thread(_look_at, service, options, stopped, log)
            finally:
                stopped.set()  # the thread ends after its current request

    try:
        return asyncio.run(look())
    except TargetError as error:
        if target.command is None:
            raise
        hint = f"correct --command; it runs in {target.directory}, the folder of budgets.yaml"
        raise TargetError(error.message, hint) from error


def _look_at(service: Service, options: argparse.Namespace, stopped: Event, log: Path) -> _Seen:
    """Call each operation once, and find the metrics; `log` has the output of the service."""
    from harness.commands.parts.find_service import find_metrics, find_ready
    from harness.commands.parts.trial_requests import TrialRequests
    from harness.init.select import select
    from harness.observe.target import last_output

    url = service.url
    operations, source = _operations(service, options, stopped)
    what = "each" if options.writes else "each that only reads"
    print_line(f"found {counted(len(operations), 'operation')} ({source}); {what} is called once")
    requests = TrialRequests(url, os.environ, stopped, service.tls)
    selection = select(
        operations,
        requests.call,
        writes=options.writes,
        environment={name for name, value in os.environ.items() if value},
        source=source,
    )
    if not selection.tasks:
        raise nothing_called(selection, last_output(log) if service.started_by_us else "")
    # The address has the ports that were chosen, where the option has {port}.
    address = service.metrics[0] if service.metrics else options.metrics
    metrics = find_metrics(url, address, options.ca_file, stopped)
    if address is not None and address != options.metrics:
        metrics = replace(metrics, path=options.metrics)
    return _Seen(
        selection,
        metrics,
        options.ready or (find_ready(url, service.tls, stopped) if options.start else ""),
        url,
    )


def _operations(
    service: Service, options: argparse.Namespace, stopped: Event
) -> tuple[Sequence[Operation], str]:
    """What may be called, and where that is from."""
    url = service.url
    from harness.commands.parts.find_service import DOCUMENTS, find_document, read_file
    from harness.init.operations import read_operations
    from harness.init.recorded import access_log_operations, har_operations, path_operations

    if options.har is not None:
        return har_operations(read_file(options.har, "--har", _MOST_LOG), options.har.name, url)
    if options.access_log is not None:
        data = read_file(options.access_log, "--access-log", _MOST_LOG)
        return access_log_operations(data, options.access_log.name)
    if options.path:
        return path_operations(options.path), "--path"
    found = find_document(url, options.openapi, service.tls, stopped)
    if found is None:
        raise UsageError(
            f"no OpenAPI document at {url}: looked at {', '.join(DOCUMENTS[:5])} and"
            f" {len(DOCUMENTS) - 5} more",
            "name it with --openapi, or use --har FILE, --access-log FILE or --path /",
        )
    document, source = found
    return read_operations(document), source


def _target_text(target: Target, seen: _Seen, options: argparse.Namespace) -> TargetText:
    from harness.init.budgets_file import TargetText

    return TargetText(
        options.service or _service_name(options),
        target.url,
        command=target.command or "",
        ready=seen.ready if target.command else "",
        metrics=seen.metrics.path,
        ca_file=_ca_file(options),
    )


def _ca_file(options: argparse.Namespace) -> str:
    """The path of --ca-file from the folder of budgets.yaml; empty without one."""
    file: Path | None = options.ca_file
    if file is None or file.is_absolute():
        return str(file or "")
    return os.path.relpath(file, options.output)


def _service_name(options: argparse.Namespace) -> str:
    """The name of the folder, as a name of a service."""
    name = re.sub(r"[^a-z0-9]+", "-", options.output.resolve().name.lower()).strip("-")
    return name if name and name[0].isalpha() else "service"


def _report(draft: Draft, budgets_file: Path, locustfile: Path) -> None:
    """Say what was written, what is called, and what is not."""
    from harness.init.calls import variables_of
    from harness.init.locustfile import called_lines, skipped_lines
    from harness.init.reasons import NEEDS_LOGIN

    lines = [
        "called, by share of the tasks:",
        *(f"  {one}" for one in called_lines(draft.selection)),
    ]
    if skipped := skipped_lines(draft.selection):
        lines += ["not called:", *(f"  {one}" for one in skipped)]
    proposed = [one for one in draft.proposals if one.bound is not None]
    lines.append(f"budgets: {', '.join(one.name for one in proposed)}")
    if draft.dialects:
        lines.append(f"metrics recognised: {', '.join(draft.dialects)}")
    lines += [f"metrics: {sentence}" for sentence in draft.ambiguous]
    if variables := variables_of(draft.selection):
        lines.append(f"the load needs the environment variables {', '.join(variables)}")
    logins = [one for one in draft.selection.skipped if one.reason.startswith(NEEDS_LOGIN)]
    if logins:
        more = counted(len(logins), "further operation")
        lines.append(f"{more} can be called once the variables of the log-in are set")
    if draft.disturbed:
        lines.append(f"warning: {draft.disturbed}")
    lines.append(f"wrote {budgets_file} and {locustfile}")
    run = (
        "harness run"
        if budgets_file == Path("budgets.yaml")
        else (f"harness run --budgets {budgets_file}")
    )
    lines.append(f"next: {run}")
    write("\n".join(lines) + "\n")


def _name(text: str) -> str:
    """A name of a scenario or a service."""
    if not re.fullmatch(r"[A-Za-z][\w-]{0,62}", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a name; write letters, digits, hyphens and underscores"
        )
    return text
