# `make suites` gates the shipped models, `make test` passes the tests. Both first make .venv, everything pinned.
PYTHON ?= python3
BIN := .venv/bin

# Slow tests of one file share what is trained for them. Benchmarks have the machine to themselves: pytest-benchmark measures nothing in parallel processes.
.PHONY: suites test test-slow bench check format clean

suites: .venv/ready
	$(BIN)/pytest suites/

test: .venv/ready
	$(BIN)/pytest -n 2 -m "not slow"

test-slow: .venv/ready
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow --ignore=tests/benchmarks

bench: .venv/ready
	$(BIN)/pytest -m slow tests/benchmarks

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# torch comes first: a resolver that meets it later may choose a build with gigabytes of CUDA.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	touch .venv/ready

clean:
	rm -rf .venv .harness .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info
