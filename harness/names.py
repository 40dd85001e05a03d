"""Every metric, label and file name that crosses a border, once.

The service's names follow the OpenTelemetry semantic conventions as a Prometheus exposition
writes them (dots become underscores, the unit and `_total` are appended). Cache and background
tasks have no convention yet: the cache follows Micrometer (`cache_gets_total{result="hit"}`).
"""

from __future__ import annotations

from typing import Final

# --- what the service exposes ---------------------------------------------------------------
HTTP_DURATION: Final = "http_server_request_duration_seconds"
HTTP_ACTIVE: Final = "http_server_active_requests"
HTTP_ROUTE: Final = "http_route"
HTTP_METHOD: Final = "http_request_method"
HTTP_STATUS: Final = "http_response_status_code"

DB_DURATION: Final = "db_client_operation_duration_seconds"
DB_SYSTEM: Final = "db_system_name"
DB_OPERATION: Final = "db_operation_name"

POOL_COUNT: Final = "db_client_connection_count"
POOL_MAX: Final = "db_client_connection_max"
POOL_WAIT: Final = "db_client_connection_wait_time_seconds"
POOL_USE: Final = "db_client_connection_use_time_seconds"
POOL_CREATE: Final = "db_client_connection_create_time_seconds"
POOL_PENDING: Final = "db_client_connection_pending_requests"
POOL_TIMEOUTS: Final = "db_client_connection_timeouts_total"
POOL_STATE: Final = "db_client_connection_state"
POOL_NAME: Final = "db_client_connection_pool_name"
# Own name: the most connections in use at once during the last `window` (label: "2s", "60s"). The
# service keeps it, because a gauge sampled once a second misses about half of a short peak.
POOL_HIGH_WATER: Final = "db_client_connection_high_water_mark"
# Own name: integral of connections in use over time; its rate is the exact mean.
POOL_USED_SECONDS: Final = "db_client_connection_used_seconds_total"
WINDOW_LABEL: Final = "window"

CACHE_GETS: Final = "cache_gets_total"
CACHE_PUTS: Final = "cache_puts_total"
# Own name: values stored over a value that was still valid, which single flight prevents.
CACHE_OVERWRITES: Final = "cache_overwrites_total"
CACHE_EVICTIONS: Final = "cache_evictions_total"
CACHE_ERRORS: Final = "cache_errors_total"
CACHE_SIZE: Final = "cache_size"
CACHE_DURATION: Final = "cache_operation_duration_seconds"
CACHE_NAME: Final = "cache"
CACHE_LEVEL: Final = "level"
CACHE_RESULT: Final = "result"
CACHE_OPERATION: Final = "operation"

TASK_DURATION: Final = "background_task_duration_seconds"
TASK_FAILURES: Final = "background_task_failures_total"
TASK_ACTIVE: Final = "background_task_active"
TASK_RETRIES: Final = "background_task_retries_total"
TASK_QUEUE: Final = "background_task_queue_depth"
TASK_NAME: Final = "task"

CLIENT_DURATION: Final = "http_client_request_duration_seconds"
CLIENT_ACTIVE: Final = "http_client_active_requests"
CLIENT_MAX: Final = "http_client_active_requests_max"
CLIENT_REJECTIONS: Final = "http_client_rejections_total"
CLIENT_PEER: Final = "peer"
CLIENT_REJECTED_BY: Final = "by"
BREAKER_STATE: Final = "circuit_breaker_state"

LOOP_LAG: Final = "event_loop_lag_seconds"

CPU_SECONDS: Final = "process_cpu_seconds_total"
# Requests to other services, by the semantic conventions of OpenTelemetry; a unit may follow.
HTTP_CLIENT_DURATION: Final = "http_client_request_duration"
MEMORY_BYTES: Final = "process_resident_memory_bytes"
# Own name: from the start of the process until it can serve.
START_DURATION: Final = "service_start_duration_seconds"
START_TIME: Final = "process_start_time_seconds"
# Limits of the process; observe adds them if the harness starts the service and they are missing.
CPU_COUNT: Final = "system_cpu_logical_count"
MEMORY_LIMIT: Final = "system_memory_limit_bytes"
# Only on Linux, for a service on this machine: how long the service's threads were ready to run
# without a CPU, and the CPU time of all other processes but the harness.
SERVICE_CPU_WAIT: Final = "harness_service_cpu_wait_seconds_total"
# Only where the harness started the service, its child processes included. The last two are read on
# Linux: how often a thread was given a CPU, and how often a page of memory was not mapped.
SERVICE_CPU: Final = "harness_service_cpu_seconds_total"
SERVICE_SWITCHES: Final = "harness_service_context_switches_total"
SERVICE_FAULTS: Final = "harness_service_page_faults_total"
OTHER_CPU: Final = "harness_other_cpu_seconds_total"
HOST_METRICS: Final = frozenset({CPU_SECONDS, CPU_COUNT, MEMORY_BYTES, MEMORY_LIMIT, START_TIME})
# What observe reads from the operating system.
SERVICE_COSTS: Final = frozenset({SERVICE_CPU, SERVICE_SWITCHES, SERVICE_FAULTS})
OWN_METRICS: Final = HOST_METRICS | SERVICE_COSTS | {SERVICE_CPU_WAIT, OTHER_CPU}

# --- what observe adds to each series -------------------------------------------------------
INSTANCE: Final = "instance"
EXPORTED: Final = "exported_"  # before the name of a scraped label that observe or Prometheus adds
PROVIDER: Final = "provider"  # on a series of `OWN_METRICS` that observe added
PSUTIL: Final = "psutil"
UP: Final = "up"
SCRAPE_DURATION: Final = "scrape_duration_seconds"
# 1 at each time at which the series in its label had two different values.
CONTRADICTING: Final = "scrape_samples_contradicting"
CONTRADICTING_SERIES: Final = "series"
# 1 in each scrape that declares the counter in its label (`# TYPE`) and has no sample of it.
DECLARED: Final = "scrape_metric_declared"
DECLARED_METRIC: Final = "metric"

# --- what the load generator reports (one sample a second, in metrics.om) --------------------
GENERATOR_ASKED: Final = "harness_iterations_asked_total"
GENERATOR_STARTED_ITERATIONS: Final = "harness_iterations_started_total"
GENERATOR_DROPPED: Final = "harness_iterations_dropped_total"
GENERATOR_STARTED: Final = "harness_requests_started_total"
GENERATOR_ELSEWHERE: Final = "harness_requests_elsewhere_total"
GENERATOR_RECORDED: Final = "harness_requests_recorded_total"
GENERATOR_LOST: Final = "harness_requests_lost_total"
GENERATOR_IN_FLIGHT: Final = "harness_requests_in_flight"
GENERATOR_OLDEST: Final = "harness_oldest_request_seconds"
GENERATOR_BACKLOG: Final = "harness_backlog"
GENERATOR_USERS: Final = "harness_users"
GENERATOR_IDLE_USERS: Final = "harness_idle_users_min"
GENERATOR_CPU: Final = "harness_generator_cpu_ratio"
GENERATOR_MEMORY: Final = "harness_generator_memory_bytes"

GENERATOR_REQUEST_BYTES: Final = "harness_request_bytes_total"
GENERATOR_RESPONSE_BYTES: Final = "harness_response_bytes_total"
REPORTED_BYTES: Final = frozenset({GENERATOR_REQUEST_BYTES, GENERATOR_RESPONSE_BYTES})
GENERATOR_LATE: Final = "harness_iterations_late_total"
GENERATOR_FULLEST: Final = "harness_requests_in_fullest_slot_total"
GENERATOR_TARGET_USERS: Final = "harness_users_target"
GENERATOR_STEAL: Final = "harness_generator_steal_ratio"
GENERATOR_THROTTLED: Final = "harness_generator_throttled_seconds"
GENERATOR_CPU_WAIT: Final = "harness_generator_cpu_wait_seconds"
SOURCE: Final = "source"  # label of these series when there are several generators: "worker-1"
LATE: Final = 0.01  # s after the intended start; an iteration that starts later is late
HANDOVER: Final = 1.0  # s after the loss of a worker, at which the others take over its part

# --- what the harness serves during a run, and what a stored run is in Prometheus ------------
# In addition to the generator's series above. All have the labels `service` and `scenario`.
# Histograms, whose edges include the bounds of the latency budgets:
RUN_LATENCY: Final = "harness_request_latency_seconds"  # request, outcome
RUN_SERVICE_TIME: Final = "harness_request_service_time_seconds"  # request, outcome
RUN_START_LAG: Final = "harness_start_lag_seconds"  # this and the next three: source
RUN_SCHEDULER_LAG: Final = "harness_scheduler_lag_seconds"
RUN_LOOP_LAG: Final = "harness_generator_loop_lag_seconds"
RUN_CANARY: Final = "harness_generator_canary_seconds"
# A counter:
RUN_REQUESTS: Final = "harness_requests_total"  # request, outcome
# Gauges:
RUN_INFO: Final = "harness_run_info"  # 1; run, commit, version
RUN_START: Final = "harness_run_start_time_seconds"
RUN_WINDOW_START: Final = "harness_window_start_time_seconds"
RUN_WINDOW_END: Final = "harness_window_end_time_seconds"
BUDGET_LIMIT: Final = "harness_budget_limit"  # budget, direction, severity
# Once the run is judged; 1 for the outcome, 0 for the other outcomes.
BUDGET_VALUE: Final = "harness_budget_value"  # budget; absent when there is no data
BUDGET_SHARE: Final = "harness_budget_share_over"  # budget; of the quantile of a histogram
BUDGET_VERDICT: Final = "harness_budget_outcome"  # budget, outcome
RUN_VERDICT: Final = "harness_run_outcome"  # outcome
# Their labels:
RUN_SERVICE: Final = "service"
RUN_SCENARIO: Final = "scenario"
RUN_REQUEST: Final = "request"  # "GET /contacts", as budgets.yaml names it
RUN_OUTCOME: Final = "outcome"  # of requests: ok, error; of budgets: pass, warn, fail, ...
RUN_BUDGET: Final = "budget"
RUN_DIRECTION: Final = "direction"  # max, min
RUN_SEVERITY: Final = "severity"  # error, warn
RUN_FOLDER: Final = "run"  # the name of the run folder
RUN_COMMIT: Final = "commit"  # of the service's repository; absent without one
RUN_VERSION: Final = "version"  # of the harness
JOB: Final = "job"  # on the series of a stored run: the service's name, or `RUN_JOB`
RUN_JOB: Final = "harness"
# Prometheus adds these to each series that it scrapes; a service's own are renamed (`EXPORTED`).
ADDED_LABELS: Final = (INSTANCE, JOB)

# --- what the generated rules record --------------------------------------------------------------
RULE_VALUE: Final = "service:budget_value:rate5m"  # service, budget; in the unit of the indicator
RULE_BAD: Final = "service:budget_bad:ratio_rate"  # and the window, "1h": the share of bad events

# --- the first field of a tag in latency.hlog -----------------------------------------------
LATENCY: Final = "latency"
SERVICE_TIME: Final = "service_time"
# How long requests without an answer had waited at the end of the drain, from the intended start
# and from the real one; and the same of arrivals that no user ever took.
UNANSWERED_LATENCY: Final = "unanswered_latency"
UNANSWERED_SERVICE_TIME: Final = "unanswered_service_time"
UNSTARTED_LATENCY: Final = "unstarted_latency"
START_LAG: Final = "start_lag"  # from the intended start to the real one, iterations
SCHEDULER_LAG: Final = "scheduler_lag"  # from the intended start to its emission
GENERATOR_LOOP_LAG: Final = "generator_loop_lag"  # overshoot of a short sleep in the generator
GENERATOR_CANARY: Final = "generator_canary"  # how late the loop sees that a socket is readable
# From the kernel's receipt of an answer to its reading by the generator, of the answers whose times
# are the kernel's; eight values for each doubling.
RECEIVE_LAG: Final = "receive_lag"
OK: Final = "ok"
ERROR: Final = "error"

# --- kinds of failed requests ----------------------------------------------------------------
FAILED_STATUS: Final = "status"  # the status code of the answer
FAILED_CHECK: Final = "check"  # the locustfile called `response.failure`
FAILED_TIMEOUT: Final = "timeout"
FAILED_CONNECTION: Final = "connection"  # refused, reset, or closed before the answer
REFUSED: Final = "connection refused"  # how the text of such a failure begins
FAILED_EXCEPTION: Final = "exception"  # any other, of the client or of a with-block
FAILED_OTHER: Final = "other"  # all of a request beyond the number of kinds that are kept

# --- queries to a Prometheus server ----------------------------------------------------------
ASKED_VALUE: Final = "value"
ASKED_BUCKETS: Final = "buckets"
ASKED_LAYOUT: Final = "layout"
ASKED_EVENTS: Final = "events"
ASKED_SCRAPES: Final = "scrapes"
ASKED_RESETS: Final = "resets"
ASKED_NEWEST: Final = "newest"
# Of each selector of an indicator, by its number from 0: "first 0".
ASKED_FIRST: Final = "first"
ASKED_LAST: Final = "last"
ASKED_FEWEST: Final = "fewest"
ASKED_MOST: Final = "most"
ASKED_AGE: Final = "age"
ASKED_PRESENT: Final = "present"
ASKED_BATCHES: Final = "batches"
BATCH: Final = "batch"  # label of these: the number of a fifth of the window, from 0
BATCHES: Final = 5
ASKED_STEPS: Final = 100  # of a window, at which a server's samples are looked at

# --- the run folder --------------------------------------------------------------------------
RUNS_FOLDER: Final = "runs"  # where `harness run` stores runs by default
MANIFEST_FILE: Final = "run.json"
LATENCY_FILE: Final = "latency.hlog"
METRICS_FILE: Final = "metrics.om"
REST: Final = ".gz"  # added to the name of a log: its lines after the first 16 MiB
PROMETHEUS_FILE: Final = "prometheus.json"  # only with `--prometheus`
SLOWEST_FILE: Final = "slowest.jsonl"
FAILURES_FILE: Final = "failures.jsonl"
TRACES_FILE: Final = "traces.jsonl"  # this and the next two: unless `--diagnose never`
PROFILE_FILE: Final = "profile.speedscope.json"
DIAGNOSIS_FILE: Final = "diagnosis.json"
DIAGNOSIS_FOLDER: Final = "diagnosis"  # what was recorded while the load went on after a breach
EXEMPLARS_FILE: Final = "exemplars.jsonl"  # this and the next ones in that folder
ANSWERS_FILE: Final = "answers.jsonl"
START_STACKS_FILE: Final = "start.folded"  # until a second start was over; the next: after it
STARTED_STACKS_FILE: Final = "started.folded"
GROWTH_FILE: Final = "growth.folded"  # of memory, by the places of the allocations
WALL_STACKS_FILE: Final = "profile-wall.folded"
CPU_STACKS_FILE: Final = "profile-cpu.folded"
MOMENTS_FILE: Final = "profile-times.json"  # when threads ran which stacks
RESULTS_FILE: Final = "results.json"
JUNIT_FILE: Final = "junit.xml"
SUMMARY_FILE: Final = "summary.md"
COMMENT_FILE: Final = "comment.md"
REPORT_FILE: Final = "report.html"
BUDGETS_FILE: Final = "budgets.yaml"
TARGET_LOG: Final = "target.log"
GENERATOR_LOG: Final = "generator.log"
COMPARE_FILE: Final = "compare.json"  # these are a comparison's
COMPARE_SUMMARY: Final = "compare.md"
CHANGES_FILE: Final = "changes.json"  # in the folder "diagnosis" of a comparison
CAPACITY_FILE: Final = "capacity.json"  # of a search for the capacity
CAPACITY_COMPARE_FILE: Final = "capacity-compare.json"
RULES_FILE: Final = "rules.yml"  # these two are rendered
RULE_TESTS_FILE: Final = "rules.test.yml"
SETUP_LOG: Final = "setup.log"  # of a version that is compared: "baseline-setup.log"

# The key of the manifest's `target` that says which metric plays each role.
ROLES: Final = "roles"

# --- in the folder of budgets.yaml -------------------------------------------------------------
CALIBRATION_FILE: Final = ".harness/calibration.json"  # written by `harness calibrate`

# The meaning of each metric of the harness, for `/metrics`, dashboards and the docs.
MEANINGS: Final[dict[str, str]] = {
    RUN_LATENCY: "Time from the intended start of a request to its end",
    RUN_SERVICE_TIME: "Time from the sending of a request to its end",
    RUN_REQUESTS: "Requests that ended, successful or failed",
    GENERATOR_ASKED: "Iterations that the schedule requested (open model)",
    GENERATOR_STARTED_ITERATIONS: "Iterations that a user started (open model)",
    GENERATOR_LATE: f"Iterations that started more than {LATE * 1e3:g} ms late",
    GENERATOR_DROPPED: "Iterations that were dropped because no user was idle",
    GENERATOR_BACKLOG: "Iterations that are due and wait for a user",
    GENERATOR_STARTED: "Requests that were sent",
    GENERATOR_ELSEWHERE: "Requests that were sent to another host or port than the target's",
    GENERATOR_RECORDED: "Requests whose time was recorded",
    GENERATOR_LOST: "Requests that ended without an outcome",
    GENERATOR_REQUEST_BYTES: "Bytes of requests, heads and bodies, before TLS",
    GENERATOR_RESPONSE_BYTES: "Bytes of the bodies of responses, as Locust counts them",
    GENERATOR_IN_FLIGHT: "Requests that were sent and are not answered yet",
    GENERATOR_OLDEST: "Age of the oldest request that is not answered yet",
    GENERATOR_FULLEST: "Requests that were sent in the busiest 50 ms of their second",
    GENERATOR_USERS: "Locust users that run",
    GENERATOR_TARGET_USERS: "Locust users that should run",
    GENERATOR_IDLE_USERS: "Smallest number of idle users during the last second",
    GENERATOR_CPU: "CPU time of the generator's process divided by wall time; 1 is one core",
    GENERATOR_MEMORY: "Resident memory of the generator's process",
    GENERATOR_STEAL: "CPU steal: share of the last second in which the host withheld a CPU",
    GENERATOR_THROTTLED: "Time of the last second in which the CPU limit throttled the generator",
    GENERATOR_CPU_WAIT: "Time of the last second in which the generator's threads waited for a CPU",
    RUN_START_LAG: "Time from the intended start of an iteration to its start",
    RUN_SCHEDULER_LAG: "Time from the intended start of an iteration to its emission",
    RUN_LOOP_LAG: "Delay of a timer in the generator's event loop",
    RUN_CANARY: "Delay until the generator's event loop sees that a socket is readable",
    RUN_INFO: "Always 1; the labels identify the run",
    RUN_START: "Start of the load, seconds since the epoch",
    RUN_WINDOW_START: "Start of the window, the judged part of the run, seconds since the epoch",
    RUN_WINDOW_END: "End of the window, seconds since the epoch",
    BUDGET_LIMIT: "Bound of a budget, in the unit of its indicator",
    BUDGET_VALUE: "Measured value of a budget, once the run is judged",
    BUDGET_SHARE: "Share of the observations of a histogram over the bound, once the run is judged",
    BUDGET_VERDICT: "1 for the outcome of a budget, once the run is judged; 0 for the others",
    RUN_VERDICT: "1 for the outcome of the run, once it is judged; 0 for the others",
}
