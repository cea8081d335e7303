# What can be done here. `make` alone says it.
.PHONY: help run test lint format lock migrations bench screenshots clean
PYTHON := .venv/bin/python
COMPILE := $(PYTHON) -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

help:         ## says what there is
	@sed -n 's/^\([a-z]*\): *[^#]*## /make \1\t/p' Makefile | expand -t 18

run:          ## starts Chimera, and installs it first where that is needed
	@scripts/install base
	@exec $(PYTHON) -m chimera_site.start

test:         ## runs the tests; ARGS="-k room" goes to pytest
	@scripts/install dev
	@scripts/test $(ARGS)

lint:         ## checks form and types, and that no migration is missing
	@scripts/install dev
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	$(PYTHON) manage.py makemigrations --check --dry-run

format:       ## gives the code its form
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

migrations:   ## writes the migrations that changed models need
	$(PYTHON) manage.py makemigrations

lock:         ## locks the newest fitting dependencies, with their hashes
	@scripts/install dev
	$(COMPILE) --upgrade --output-file requirements/base.txt pyproject.toml
	$(COMPILE) --upgrade --extra dev --constraint requirements/base.txt --output-file requirements/dev.txt pyproject.toml

bench:        ## measures streaming beside a bare httpx reader
	@scripts/install dev
	$(PYTHON) -m tests.bench

screenshots:  ## draws the pages into screenshots/
	@scripts/install dev
	$(PYTHON) -m pytest -q -m browser -k screenshot

clean:        ## removes what was installed and cached, never your data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
