#!/bin/sh
# One image for all pods of a distributed run. The Kubernetes operator for Locust starts one
# container with `--master ARGS` and the others with `--worker --master-host NAME ARGS`: the first
# becomes the gate, the others are Locust workers that get the locustfile from it.
set -eu
case "${1:-}" in
--master)
    shift
    exec harness run "$@" \
        --expect-workers "${HARNESS_WORKERS:?how many workers there are}" \
        --run-id "${HARNESS_RUN_ID:?any text that only this run has}"
    ;;
--worker)
    # ARGS are for the gate; a worker needs only the name of its master.
    exec locust -f - --worker --master-host "$3"
    ;;
*) exec harness "$@" ;;
esac
