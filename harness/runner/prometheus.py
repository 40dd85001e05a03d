"""A Prometheus server is asked about a run, or what it answered before is read back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from harness.budgets.model import CLIENT_SIDE, Budget
from harness.observe.prometheus import Prometheus
from harness.promql.queries import window_queries
from harness.runs.folder import RunFolder
from harness.runs.model import Clock, Evidence, ServerAnswer
from harness.runs.prometheus_answers import Answers, QueryAnswer, read_answers, write_answers

# Seconds after the window's end in which a scrape that began within it is stored.
SETTLING = 2.0
_NOT_ASKED = "it was not asked about this indicator; ask it again with --prometheus URL"


def consulted(
    evidence: Evidence,
    budgets: Sequence[Budget],
    folder: RunFolder,
    server: Prometheus | None,
    *,
    store: bool,
) -> Evidence:
    """The evidence with what a Prometheus server says about each budget, now or when last asked.

    Args:
        evidence: Of the run.
        budgets: Those that are judged.
        folder: The run, where answers may be stored.
        server: Who is asked; None takes what is stored, if anything is.
        store: Whether new answers are stored.

    Raises:
        RunFolderError: What is stored is damaged.
        UsageError: Nothing can be stored.
    """
    if server is None:
        return answered(evidence, budgets, read_answers(folder))
    answers = consult(server, budgets, evidence.manifest.clock)
    if store:
        write_answers(folder, answers)
    return answered(evidence, budgets, answers)


def consult(server: Prometheus, budgets: Iterable[Budget], clock: Clock) -> Answers:
    """Ask about every budget that the load generator does not measure.

    Once the server cannot be reached it is not asked further.

    Args:
        server: Who is asked.
        budgets: Those of the scenario.
        clock: Of the run; without a window nothing is asked.
    """
    asked: dict[str, QueryAnswer] = {}
    if clock.window_start is not None and clock.window_end is not None:
        time.sleep(max(0.0, clock.window_end + SETTLING - time.time()))
        gone: QueryAnswer | None = None
        for query in _queries(budgets, clock, server.matchers):
            asked[query] = gone or server.ask(query, clock.window_end)
            gone = None if asked[query].reached else asked[query]
    return Answers(server=server.url, matchers=dict(server.matchers), asked=asked)


def answered(evidence: Evidence, budgets: Iterable[Budget], answers: Answers | None) -> Evidence:
    """The evidence with those of the answers that are about each budget."""
    if answers is None:
        return evidence
    clock = evidence.manifest.clock
    found = {budget.name: _about(budget, answers, clock) for budget in _of_server(budgets)}
    return replace(evidence, answers=found)


def _about(budget: Budget, answers: Answers, clock: Clock) -> ServerAnswer:
    queries = _questions(budget, clock, answers.matchers)
    replies = {what: answers.asked.get(query) for what, query in queries.items()}
    problem = next((reply.problem for reply in replies.values() if reply and reply.problem), "")
    if None in replies.values():
        problem = _NOT_ASKED
    found = {
        what: tuple((one.labels, one.value) for one in reply.found)
        for what, reply in replies.items()
        if reply
    }
    return ServerAnswer(answers.server, found, problem)


def _queries(budgets: Iterable[Budget], clock: Clock, matchers: Mapping[str, str]) -> list[str]:
    every = (_questions(budget, clock, matchers).values() for budget in _of_server(budgets))
    return list(dict.fromkeys(query for queries in every for query in queries))


def _of_server(budgets: Iterable[Budget]) -> list[Budget]:
    return [budget for budget in budgets if not isinstance(budget.indicator, CLIENT_SIDE)]


def _questions(budget: Budget, clock: Clock, matchers: Mapping[str, str]) -> dict[str, str]:
    if clock.window_start is None or clock.window_end is None:
        return {}
    seconds = clock.window_end - clock.window_start
    return window_queries(budget.indicator, seconds, matchers, budget.direction)
