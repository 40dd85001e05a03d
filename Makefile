# What is done often, one command each; CONTRIBUTING.md has the same list.
.DEFAULT_GOAL := help
.PHONY: help setup unit test lint format types docs goldens charts dashboards secrets audit wheel ci

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the locked dependencies and the hooks of git
	uv sync
	uv run pre-commit install

unit: ## run the fast tests
	uv run pytest tests/unit

test: ## run all tests but the slow ones; those whose programs are not installed are skipped
	uv run pytest

lint: ## check style, without a change
	uv run ruff check .
	uv run ruff format --check .

format: ## correct style where that can be done without a person
	uv run ruff check --fix .
	uv run ruff format .

types: ## check types
	uv run mypy

docs: ## write the generated tables of docs/ and the JSON Schema of budgets.yaml
	uv run python docs/update.py
	uv run python -m harness.budgets.parse.json_schema

goldens: ## write the expected files of the tests again; read their diff
	UPDATE_GOLDENS=1 uv run pytest -q -k golden tests/unit/report
	uv run harness render --budgets tests/rendered/checkout.yaml --out tests/rendered/checkout
	uv run harness render --budgets tests/rendered/kinds.yaml --out tests/rendered/kinds
	uv run harness render --budgets tests/rendered/worker.yaml --out tests/rendered/worker

charts: ## copy the charting library of the pages from its npm package
	npm ci --silent --no-audit --no-fund --prefix tests/services/node
	cp tests/services/node/node_modules/plotly.js-basic-dist-min/plotly-basic.min.js harness/report/html/assets/
	cp tests/services/node/node_modules/plotly.js-basic-dist-min/LICENSE harness/report/html/assets/plotly-basic.LICENSE

dashboards: ## write the sample service's dashboards and rules from budgets.yaml
	uv run harness render

secrets: ## look for keys and tokens in all files
	.ci/secrets

audit: ## check the locked dependencies for known vulnerabilities
	uv run python .ci/audit.py

wheel: ## build the wheel and try it in an environment of its own
	.ci/smoke-wheel

ci: ## run all that CI runs; installs Debian packages, so as root
	.ci/run
