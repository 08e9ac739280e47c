# The two commands of the README: `make demo` and `make test`. Each sets up .venv when it is missing or stale.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BY_COMMANDS := qvunet.cli, qvunet.training.trainer, qvunet.evaluation, qvunet.description, backends.aer.shots, backends.ibm.backend
WHERE_NEEDED := diffusers.hooks, torchvision.datasets, torchvision.transforms.v2, torchvision.utils, diffusers.schedulers.scheduling_dpmsolver_multistep, diffusers.schedulers.scheduling_edm_dpmsolver_multistep, PIL.Image
BY_TESTS := pytest, hypothesis, xdist.remote, typer.testing, starlette.applications, uvicorn
INSTALLED := $(VENV)/.installed

.PHONY: help demo test test-slow wheel docs lint rooms types format setup
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(INSTALLED) ## Train the hybrid network on handwritten digits and draw some (a few minutes on 2 cores)
	$(BIN)/qvunet train --config digits_demo --run-dir runs/demo-$$(date +%Y%m%d-%H%M%S)

test: $(INSTALLED) ## Run the test suite, in two processes
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(INSTALLED) ## Run what is exhaustive and takes long
	$(BIN)/python -m pytest -m slow

wheel: $(INSTALLED) ## Build sdist and wheel, install the wheel elsewhere and run the README's commands there
	$(BIN)/python -m pytest -m slow tests/test_wheel.py

docs: $(INSTALLED) $(VENV)/.docs ## Build the site: build/site/index.html
	$(BIN)/sphinx-build --fail-on-warning --keep-going -q -b html docs build/site
	@echo build/site/index.html

lint: $(INSTALLED) ## Check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

rooms: $(INSTALLED) ## Check that imports go one way
	$(BIN)/lint-imports

types: $(INSTALLED) ## Check types
	$(BIN)/mypy

format: $(INSTALLED) ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

setup: $(INSTALLED) $(VENV)/.docs ## Only set up .venv, for the site too

# Stale when the requirements changed. Byte-compiling 6 GB would take longer than it saves, so only what the commands
# import, at their start or where they need it, and their tests is compiled: by importing it once, and by a page of help.
$(INSTALLED): pyproject.toml constraints.txt
	@echo "Setting up $(VENV): about 6 GB, a few minutes the first time."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --no-compile --progress-bar off -q -c constraints.txt -e '.[dev]'
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -W ignore -c "import $(BY_COMMANDS), $(WHERE_NEEDED), $(BY_TESTS); PIL.Image.init()"
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/qvunet --help >/dev/null
	@touch $@

# The site's builder, apart, since neither demo nor tests need it. After this `make docs` needs no network.
$(VENV)/.docs: pyproject.toml constraints.txt | $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check --no-compile --progress-bar off -q -c constraints.txt -e '.[docs]'
	@touch $@
