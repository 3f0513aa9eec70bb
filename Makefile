# make lab        install if needed, then open the lessons in JupyterLab
# make check      lint, the shape of the package, and the quick unit tests
# make test       install if needed, then run every check
# make test-gpu   the checks that need a CUDA device
# make course     execute all lessons headless, two at a time, into build/course/, with a summary table
# make lessons    execute all lessons and store them, outputs and widgets included, in notebooks/
# make book       build the site into build/book/_build/html
# make serve-book show the site at http://127.0.0.1:8000
# make demo       one page for a classroom, in the browser: choose, train, toggle, compare
# make wall       draw a poster (build/poster.pdf and .svg) and the page of the four cases for the wall
# make bench      measure the figures that the documentation quotes, beside their peers
# make format     format the code and the lessons, and mend what ruff can mend
# make clean      remove what was built, but not .venv and data/
#
# CPU=1           installs the CPU build of PyTorch: `make lab CPU=1` saves several GB on Linux
# PYTHON=...      the Python (3.11 or newer) from which the environment is made
# VENV=...        the environment, .venv if not said
# LAB_ARGS=...    more options for `tlcourse lab`, as in `make lab LAB_ARGS="03 --no-browser"`
# DEMO_ARGS=...   more options for `tlcourse demo`, as in `make demo DEMO_ARGS="--port 9000"`
# BENCH_ARGS=...  figures and options for the benchmarks, as in `make bench BENCH_ARGS=network`
# PYTEST_ARGS=... more options for pytest, as in `make test PYTEST_ARGS="-k freezing"`

VENV ?= .venv
BIN = $(VENV)/bin

# The first Python that is new enough and can make an environment, looked for once and only when an
# environment has to be made. Version managers leave commands that only complain: each has to run.
PYTHON_CHECK = import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
FIND_PYTHON = $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c '$(PYTHON_CHECK)' >/dev/null 2>&1 && echo $$p && break; done)
ifndef PYTHON
PYTHON = $(eval PYTHON := $(FIND_PYTHON))$(PYTHON)
endif

# `torch` and `torchvision` are named with --upgrade so that CPU=1 also replaces a CUDA build that
# is installed already: 2.14.1+cpu counts as newer than 2.14.1.
ifeq ($(CPU),1)
CPU_BUILD = --extra-index-url https://download.pytorch.org/whl/cpu --upgrade torch torchvision
CPU_STAMP = -cpu
endif

# Threads of OpenMP that wait asleep after a moment: on a busy machine, spinning ones slow the
# lessons many times. tlcourse says the same, but PyTorch may be imported before it.
export OMP_WAIT_POLICY ?= PASSIVE
export GOMP_SPINCOUNT ?= 2000

.PHONY: help lab check test test-gpu course lessons book serve-book demo wall bench format clean

help:
	@sed -n '/^# make/s/^# //p' Makefile

lab: $(VENV)/.lab$(CPU_STAMP)
	$(BIN)/tlcourse lab $(LAB_ARGS)

check: $(VENV)/.test$(CPU_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow and not browser" \
		tests/test_house.py tests/base tests/results tests/study

test: $(VENV)/.test$(CPU_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile \
		--nbval-lax --nbval-current-env --nbval-cell-timeout 240 \
		--nbval-sanitize-with tests/notebooks/sanitize.cfg $(PYTEST_ARGS) tests $(wildcard notebooks)

test-gpu: $(VENV)/.test$(CPU_STAMP)
	$(BIN)/python -m pytest -m gpu $(PYTEST_ARGS) tests

course: $(VENV)/.lab$(CPU_STAMP)
	$(BIN)/tlcourse run --at-once 2

lessons: $(VENV)/.lab$(CPU_STAMP)
	$(BIN)/tlcourse run --store

book: $(VENV)/.book$(CPU_STAMP)
	$(BIN)/python book/build.py --quiet

demo: $(VENV)/.lab$(CPU_STAMP)
	$(BIN)/tlcourse demo $(DEMO_ARGS)

serve-book:
	$(BIN)/tlcourse site build/book/_build/html

wall: $(VENV)/.lab$(CPU_STAMP)
	$(BIN)/tlcourse wall build --force

bench: $(VENV)/.bench$(CPU_STAMP)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

format: $(VENV)/.test$(CPU_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build .pytest_cache .ruff_cache *.egg-info
	find tlcourse tests -name __pycache__ -prune -exec rm -rf {} +
	rm -rf notebooks/.ipynb_checkpoints

# The stamps: an environment is installed once, and again only when what it is made from changed.
$(VENV)/.lab$(CPU_STAMP): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install $(CPU_BUILD) -c constraints.txt -e '.[lab]'
	touch $(VENV)/.lab $@

$(VENV)/.test$(CPU_STAMP): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install $(CPU_BUILD) -c constraints.txt -e '.[lab,test,book]'
	touch $(foreach s,lab test book,$(VENV)/.$(s) $(VENV)/.$(s)$(CPU_STAMP))

$(VENV)/.book$(CPU_STAMP): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install $(CPU_BUILD) -c constraints.txt -e '.[lab,book]'
	touch $(VENV)/.lab $(VENV)/.lab$(CPU_STAMP) $(VENV)/.book $@

$(VENV)/.bench$(CPU_STAMP): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install $(CPU_BUILD) -c constraints.txt -e '.[bench]'
	touch $@

# venv makes pip last, so that an interrupted call is taken up again.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { \
		echo "No Python 3.11 or newer with venv was found. Install one from python.org or with your"; \
		echo "package manager (on Debian and Ubuntu: python3 and python3-venv), or name it: make PYTHON=/path/to/python3 ..."; \
		exit 1; }
	@"$(PYTHON)" -c '$(PYTHON_CHECK)' || { \
		echo "$(PYTHON) is older than 3.11 or cannot make environments (on Debian and Ubuntu, install python3-venv)."; \
		exit 1; }
	"$(PYTHON)" -m venv $(VENV)
