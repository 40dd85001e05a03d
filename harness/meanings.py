"""What each metric of the harness means, in a sentence: for `/metrics`, dashboards and the docs."""

from __future__ import annotations

from typing import Final

from harness import names

MEANINGS: Final[dict[str, str]] = {
    names.RUN_LATENCY: "Time of a request from the moment it was meant to be sent",
    names.RUN_SERVICE_TIME: "Time of a request from the moment it was really sent",
    names.RUN_REQUESTS: "Requests that ended, whether answered or failed",
    names.GENERATOR_ASKED: "Iterations that the schedule has asked for (open model)",
    names.GENERATOR_STARTED_ITERATIONS: "Iterations that a user has begun (open model)",
    names.GENERATOR_LATE: f"Iterations that began over {names.LATE * 1e3:g} ms late",
    names.GENERATOR_DROPPED: "Iterations that no user was left to begin",
    names.GENERATOR_BACKLOG: "Iterations that are due and wait for a user",
    names.GENERATOR_STARTED: "Requests that were sent",
    names.GENERATOR_RECORDED: "Requests whose time was recorded",
    names.GENERATOR_LOST: "Requests that ended without an outcome",
    names.GENERATOR_IN_FLIGHT: "Requests that were sent and not answered yet",
    names.GENERATOR_OLDEST: "Age of the oldest request that is not answered yet",
    names.GENERATOR_FULLEST: "Requests that were sent in the fullest twentieth of their second",
    names.GENERATOR_USERS: "Locust users that are alive",
    names.GENERATOR_TARGET_USERS: "Locust users that should be alive",
    names.GENERATOR_IDLE_USERS: "Fewest users that were idle at one moment of the last second",
    names.GENERATOR_CPU: "CPU time of the generator's process over wall time, 1 is one core",
    names.GENERATOR_MEMORY: "Resident memory of the generator's process",
    names.GENERATOR_STEAL: "Share of the last second that the host took from this machine",
    names.GENERATOR_THROTTLED: "How long the CPU limit held the generator back in the last second",
    names.GENERATOR_CPU_WAIT: "How long threads of the generator waited for a CPU in that second",
    names.RUN_START_LAG: "From the intended start of an iteration to the real one",
    names.RUN_SCHEDULER_LAG: "From the intended start of an iteration to its emission",
    names.RUN_LOOP_LAG: "How late a timer of the generator's loop wakes",
    names.RUN_CANARY: "How late the generator's loop sees that a socket is readable",
    names.RUN_INFO: "1; which run this is",
    names.RUN_START: "When the load began, seconds since the epoch",
    names.RUN_WINDOW_START: "When the judged part of the run begins, seconds since the epoch",
    names.RUN_WINDOW_END: "When the judged part of the run ends, seconds since the epoch",
    names.BUDGET_LIMIT: "Bound of a budget, in the unit of its indicator",
    names.BUDGET_VALUE: "What was measured for a budget, once the run is judged",
    names.BUDGET_VERDICT: "1 for the outcome of a budget, once the run is judged; 0 for the others",
    names.RUN_VERDICT: "1 for the outcome of the run, once it is judged; 0 for the others",
}
