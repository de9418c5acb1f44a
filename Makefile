# Everything a person or .ci/run does here. `make` alone explains itself.
# It needs Python 3.11 or newer, make and git; uv is fetched into .tools/ where it is not on PATH.

SHELL := /bin/sh
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
# The wheels of the embedded PostgreSQL are made for 3.11 and 3.12, so those are looked for first.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; exit; }; done; echo python3)
# Optional packages, for example: make setup EXTRAS=functiongemma
EXTRAS ?=
# llama.cpp for any x86-64 server of the last ten years, not for this machine's processor alone, and without its tools.
export CMAKE_ARGS ?= -DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF
# Processes that run the tests, each with servers of its own.
JOBS ?= 2
# Words for `leo demo`, `leo bench` and pytest, for example: make test ARGS="tests/rules -x"
ARGS ?=
# More words for pip-audit.
AUDIT ?=
# Examples of each kind that `make fuzz` tries of each operation.
EXAMPLES ?= 50
# What `make load` runs.
STAGE ?= load
STAMP := .venv/.synced
# The console's pages, built by Node: from PATH, else from the wheel of the group `console`.
CONSOLE := api/console/dist/index.html
NODE_GROUP := $(shell command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || echo --group console)
CONSOLE_SOURCES := $(shell find api/console/src -type f 2>/dev/null) api/console/package-lock.json api/console/build.mjs

.PHONY: force help setup console demo test fuzz check format openapi docs pictures bench load sbom audit up down doctor clean

help: ## Show what can be made
	@echo "usage: make TARGET"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do printf '  %-9s %s\n' "$$name" "$$text"; done

setup: $(STAMP) try-console ## Fetch uv if it is missing and make .venv with the command line at .venv/bin/leo
	@echo "ready: .venv/bin/leo"

console: $(CONSOLE) ## Build the pages that the API shows at /, with Node from PATH or from a wheel

# Where it cannot be built, everything else works all the same, and / says so.
.PHONY: try-console
try-console: $(STAMP)
	@$(MAKE) --no-print-directory --silent console || echo "make: going on without the console's pages." >&2

demo: $(STAMP) try-console ## Run the whole journey: customers, decisions, deliveries, outcomes, one traced path
	@.venv/bin/leo demo $(ARGS)

test: $(STAMP) try-console ## Run all tests on embedded servers, or on LEO_DATABASE_URL and LEO_REDIS_URL
	@.venv/bin/pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

fuzz: $(STAMP) ## Attack the API's contract for longer than the suite does, otherwise each time
	@seed="$$(date +%s)"; echo "fuzz: FUZZ_SEED=$$seed FUZZ_EXAMPLES=$(EXAMPLES)"; \
	FUZZ_SEED="$$seed" FUZZ_EXAMPLES="$(EXAMPLES)" .venv/bin/pytest --quiet tests/api/test_fuzz.py $(ARGS)

check: $(STAMP) ## Check style, format, types, weak code and that docs/openapi.json is the API's contract
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/bandit --quiet --configfile pyproject.toml --severity-level medium --recursive api channels engine graph rules
	@.venv/bin/python -m api.contract --check

format: $(STAMP) ## Format the code and mend what ruff can mend
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

openapi: $(STAMP) ## Write docs/openapi.json anew, where the contract is meant to change
	@.venv/bin/python -m api.contract --write

docs: $(STAMP) ## Build the documentation into site/; a broken link fails
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
	@echo "documentation: site/index.html"

pictures: $(STAMP) try-console ## Take the pictures of the console anew that the documentation shows
	@rm -rf .pictures && mkdir .pictures && PICTURES_OF_THE_CONSOLE=.pictures .venv/bin/pytest --quiet tests/api/console
	@for picture in .pictures/*.png; do [ ! -f "docs/images/$${picture##*/}" ] || cp "$$picture" docs/images/; done; rm -rf .pictures

bench: $(STAMP) ## Measure the mirror and the trace on a throw-away database
	@.venv/bin/leo bench mirror --json $(ARGS)
	@.venv/bin/leo bench trace --json $(ARGS)

load: $(STAMP) ## Put load on a throw-away site with k6: make load STAGE=smoke, load, stress, soak or spike
	@.venv/bin/leo load $(STAGE) $(ARGS)

up: $(STAMP) try-console ## Run servers, API, workers and sandbox in the foreground
	@.venv/bin/leo up

down: $(STAMP) ## Stop everything that runs in the background
	@.venv/bin/leo down

sbom: $(STAMP) ## Write what is inside, as CycloneDX: sbom/python.json and sbom/console.json
	@mkdir -p sbom
	@"$(UV)" export --quiet --frozen --offline --preview-features sbom-export --format cyclonedx1.5 --no-default-groups \
		--all-extras --output-file sbom/python.json >/dev/null
	@cd api/console && PATH="$(CURDIR)/.venv/bin:$$PATH" npm sbom --package-lock-only --sbom-format cyclonedx \
		> $(CURDIR)/sbom/console.json
	@echo "sbom/python.json sbom/console.json"

# The advisories are asked on the Internet: before a release and each week, not in every check. Without it a mirror of OSV
# serves as well: make audit AUDIT="--vulnerability-service osv --osv-url URL"
audit: $(STAMP) ## Look for packages with known holes; needs the Internet
	@mkdir -p sbom && "$(UV)" export --quiet --frozen --offline --no-emit-project --all-extras --output-file sbom/requirements.txt >/dev/null
	@"$(UV)" tool run pip-audit --strict --disable-pip --require-hashes --requirement sbom/requirements.txt $(AUDIT) || { \
		echo "make: a hole was found, or the database of advisories did not answer: the lines above say which." >&2; exit 1; }
	@cd api/console && PATH="$(CURDIR)/.venv/bin:$$PATH" npm audit --package-lock-only

doctor: $(STAMP) ## Say what is used here, and what is wrong
	@.venv/bin/leo doctor

clean: ## Stop everything and remove .leo with its data, .venv and what was built
	@if [ -x .venv/bin/leo ]; then .venv/bin/leo down --erase; fi
	@rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis site sbom api/console/dist api/console/node_modules

CHECK_PYTHON = "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "make: $(PYTHON) is not there or older than Python 3.11; install one, then: make $(MAKECMDGOALS) PYTHON=/path/to/it" >&2; \
	exit 1; }

# A second run costs nothing: the stamp is newer than what it depends on. Extras that are asked for are always looked at.
$(STAMP): pyproject.toml uv.lock $(if $(EXTRAS),force) | $(UV)
	@$(CHECK_PYTHON)
	@env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv "$(UV)" sync --frozen --quiet \
		--python "$$("$(PYTHON)" -c 'import sys; print(sys.executable if sys.version_info < (3, 13) else "3.12")')" \
		$(NODE_GROUP) $(foreach extra,$(EXTRAS),--extra $(extra)) || { \
		echo "make: the packages could not be fetched; look at the lines above, then run it again." >&2; exit 1; }
	@touch $(STAMP)

$(CONSOLE): $(CONSOLE_SOURCES) | $(STAMP)
	@.venv/bin/python -m api.console.build

# venv is missing from some systems' Python; pip alone serves as well.
.tools/bin/uv:
	@$(CHECK_PYTHON)
	@echo "fetching uv $(UV_VERSION) into .tools/"
	@rm -rf .tools; log="$$(mktemp)"; pip="-m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)"; \
	{ "$(PYTHON)" -m venv .tools && .tools/bin/python $$pip; } >"$$log" 2>&1 \
	|| { rm -rf .tools; "$(PYTHON)" $$pip --target .tools; } >>"$$log" 2>&1 \
	|| { cat "$$log" >&2; rm -rf .tools "$$log"; \
		echo "make: uv could not be fetched; check the network, or install python3-venv or uv yourself." >&2; exit 1; }; \
	rm -f "$$log"

force:
