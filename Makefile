# Every path is relative to the checkout, whose own path may hold spaces.
PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/.installed
PIP_FLAGS := -qq --no-input --disable-pip-version-check --root-user-action=ignore --no-deps
PIP_INSTALL := $(BIN)/python -m pip install $(PIP_FLAGS)
HAS_PYTHON = command -v "$(PYTHON)" >/dev/null || { echo "No $(PYTHON) here: use make PYTHON=/path/to/python3.11" >&2; exit 1; }
# Two test files at once: much of a test is waiting for a worker with one thread.
# In the order of tests/conftest.py: xdist's own, by number of tests, starts the longest files last.
AT_ONCE := -n 2 --dist loadfile --no-loadscope-reorder
COVERAGE := --cov --cov-fail-under=85
INSTALL_CHROMIUM := { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-wqy-microhei; }
NOTEBOOKS := $(wildcard notebooks/*.ipynb notebooks/*/*.ipynb workbench/servers/*.ipynb)
HAS_GPU_ENVIRONMENT := $(wildcard .venv-gpu/.installed)
STRIP_FLAGS := --keep-id --extra-keys "metadata.papermill cell.metadata.papermill metadata.language_info.version"

.PHONY: help demo test test-browser test-all bench bench-cpu trt-check gpu gpu-check lab app site lint lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: $(INSTALLED) ## run the default experiment: quantize, deploy, accuracy, latency, report
	$(BIN)/workbench run demo

test: lint ## lint, then every test but the slow ones and those in a browser, with coverage
	$(BIN)/python -m pytest $(AT_ONCE) -m "not slow and not browser" $(COVERAGE)

test-browser: $(INSTALLED) ## JupyterLab, the app and the site in Chromium, which it installs when root; screenshots in runs/browser/
	@command -v chromium >/dev/null || $(INSTALL_CHROMIUM) || { echo "No chromium here; as root: apt-get install chromium" >&2; exit 1; }
	$(BIN)/python -m pytest -m browser tests/browser

test-all: lint ## lint, then every test, with coverage
	$(BIN)/python -m pytest $(AT_ONCE) $(COVERAGE)

bench: demo ## what `import workbench`, the timing harness and a redraw of ui.explore cost
	$(BIN)/python benchmarks/import_cost.py
	$(BIN)/python benchmarks/harness_cost.py runs/demo
	$(BIN)/python benchmarks/ui_redraw.py

bench-cpu: $(INSTALLED) .venv-bench/.installed ## INT8 on CPU against other tools, 9 to 17 minutes (BENCH_FLAGS=--smoke: 1 minute)
	$(BIN)/python -m benchmarks.cpu $(BENCH_FLAGS)

trt-check: $(INSTALLED) ## TensorRT plans of the lowered models, without a GPU: what is INT8 in them (TRT_FLAGS="--run runs/methods": of a run)
	$(BIN)/python -m benchmarks.trt_check $(TRT_FLAGS)

gpu: .venv-gpu/.installed ## the GPU environment of environment.yml in .venv-gpu, by pip, and what runs in it
	@.venv-gpu/bin/workbench doctor

gpu-check: $(if $(HAS_GPU_ENVIRONMENT),,$(INSTALLED)) ## on a machine with a GPU: every backend and precision, and a bundle to attach to an issue
	$(if $(HAS_GPU_ENVIRONMENT),.venv-gpu/bin,$(BIN))/python -m benchmarks.gpu_check $(GPU_FLAGS)

lab: $(INSTALLED) ## open JupyterLab on the course, for this machine only (LAB_FLAGS=... for more)
	$(BIN)/python -m workbench.servers.lab $(LAB_FLAGS)

app: $(INSTALLED) ## finished runs as a read-only page, for this machine only (APP_FLAGS=--theme=dark, ...)
	$(BIN)/python -m workbench.servers.app $(APP_FLAGS)

site: $(INSTALLED) ## the course as static HTML: runs/site, and with solutions runs/site-with-solutions (SITE_FLAGS=--smoke: 1 minute)
	$(BIN)/python -m docs.site $(SITE_FLAGS)

lint: $(INSTALLED) ## check style, types, and that notebooks hold no outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy workbench
	$(if $(NOTEBOOKS),$(BIN)/nbstripout --verify $(STRIP_FLAGS) $(NOTEBOOKS))

lock: $(INSTALLED) ## remake the locks from pyproject.toml and bench.in (UPGRADE=1 takes the newest versions)
	$(BIN)/uv pip compile pyproject.toml --all-extras --group build --override requirements/overrides.txt \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_28 --only-binary :all: --generate-hashes \
	  --no-emit-package pip --no-emit-index-url --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) \
	  --quiet --output-file requirements/cpu.lock
	$(BIN)/uv pip compile requirements/bench.in --override requirements/overrides.txt \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_28 --only-binary :all: --generate-hashes \
	  --no-emit-index-url --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) \
	  --quiet --output-file requirements/bench.lock

clean: ## remove .venv, .venv-bench, .venv-gpu and the tools' caches; runs/ stays
	rm -rf .venv .venv-bench .venv-gpu build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two steps, each with a stamp touched last: a change of pyproject.toml alone does not download anything again, and what was
# cut off half-way starts anew. --clear, so that nothing stays that left the lock. pip itself is the one that venv brings.
.venv/.locked: requirements/cpu.lock
	@$(HAS_PYTHON)
	@"$(PYTHON)" requirements/check_machine.py
	@echo "Setting up .venv: about 3 minutes and 2 GB, this once"
	@"$(PYTHON)" -m venv --clear .venv
	@$(PIP_INSTALL) --only-binary :all: --require-hashes -r requirements/cpu.lock
	@touch $@

$(INSTALLED): .venv/.locked pyproject.toml
	@$(PIP_INSTALL) --no-build-isolation -e .
	@touch $@

# The tools that bench-cpu compares with. Without them it still runs, and the rows that need them say why they are empty.
.venv-bench/.installed: requirements/bench.lock
	@echo "Setting up .venv-bench: about 1 minute and 0.8 GB, this once"
	@"$(PYTHON)" -m venv --clear .venv-bench
	@if .venv-bench/bin/python -m pip install $(PIP_FLAGS) --only-binary :all: --require-hashes -r requirements/bench.lock; \
	then touch $@; else rm -rf .venv-bench; fi

# Not locked: two of its packages are on Paddle's and NVIDIA's own indexes, which environment.yml names. Dependencies are wanted here.
# The libraries are what its opencv-python leaves to the system.
.venv-gpu/.listed: environment.yml requirements/gpu_requirements.py
	@$(HAS_PYTHON)
	@"$(PYTHON)" requirements/check_machine.py libGL.so.1 libgthread-2.0.so.0
	@echo "Setting up .venv-gpu: several GB, this once"
	@"$(PYTHON)" -m venv --clear .venv-gpu
	@"$(PYTHON)" requirements/gpu_requirements.py environment.yml > .venv-gpu/requirements.txt
	@.venv-gpu/bin/python -m pip install $(filter-out --no-deps,$(PIP_FLAGS)) -r .venv-gpu/requirements.txt
	@touch $@

.venv-gpu/.installed: .venv-gpu/.listed pyproject.toml
	@.venv-gpu/bin/python -m pip install $(PIP_FLAGS) --no-build-isolation -e .
	@touch $@
