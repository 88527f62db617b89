# Every command sets itself up: a virtual environment in .venv, with the pinned set of packages.
PYTHON ?= python3
BIN := .venv/bin
# In the order of reading, which is that of their names; `make chapters CHAPTERS=nbs/3_vae/31_vae.ipynb` runs one.
CHAPTERS := $(sort $(wildcard nbs/*.ipynb nbs/*/*.ipynb))
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Tests and chapters run without bars, without a graphics card, and without asking for a browser.
QUIET := TQDM_DISABLE=1 CUDA_VISIBLE_DEVICES=-1
MODEL_TESTS := tests/autoencoders tests/vae tests/judge tests/latent/test_plane.py tests/latent/test_morph.py
.DEFAULT_GOAL := help
# One place for uv: ours, or that of the machine.
UV := $(firstword $(wildcard $(BIN)/uv) uv)
LIBRARY_TESTS ?= tests/letters tests/show tests/autoencoders tests/vae tests/latent tests/judge
.PHONY: help demo test test-fast test-jax test-torch test-lowest test-newest test-colab test-lab \
  lab site fix chapters readme weights bench fuzz mutants soak lock clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\)[: ].*## /\1\t/p' Makefile | expand -t 14

.venv/ready: settings.ini setup.py constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else "glyphnb needs Python 3.10 to 3.13, but $(PYTHON) is %d.%d. Install one of these and say, for example: make $(or $(firstword $(MAKECMDGOALS)),demo) PYTHON=python3.12" % v)'
	@echo "Setting up .venv (a minute or two, once)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -c constraints.txt -e '.[dev]'
	@touch $@

demo: .venv/ready  ## Letters to models, pictures and a film, in glyphnb-demo/
	@glyphnb demo

test: .venv/ready  ## Everything that CI runs
	@tools/run

test-fast: .venv/ready  ## What changed since the last commit, in a minute or two
	@tools/fast

test-jax: .venv/ready  ## The tests of models with Keras on JAX
	$(QUIET) KERAS_BACKEND=jax pytest -n 2 --dist loadfile $(MODEL_TESTS)

# PyTorch has an environment of its own: the build for processors, without gigabytes for graphics cards.
.venv-torch/ready: settings.ini setup.py constraints.txt
	@echo "Setting up .venv-torch (a few minutes, once)"
	@$(PYTHON) -m venv --clear .venv-torch
	@.venv-torch/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@.venv-torch/bin/python -m pip install --quiet --disable-pip-version-check \
	  --extra-index-url https://download.pytorch.org/whl/cpu 'torch==2.13.0'
	@touch $@

test-torch: .venv-torch/ready  ## The tests of models with Keras on PyTorch
	$(QUIET) KERAS_BACKEND=torch .venv-torch/bin/python -m pytest $(MODEL_TESTS)

# Environments beside .venv, each with packages of another age; PYTHON says with which Python.
.venv-lowest/ready .venv-newest/ready: .venv-%/ready: settings.ini setup.py
	$(UV) venv --quiet --clear --python $(PYTHON) .venv-$*
	$(UV) pip install --quiet --python .venv-$*/bin/python --compile-bytecode \
	  --resolution $(if $(filter lowest,$*),lowest-direct,highest) -e '.[dev]'
	@touch $@

test-lowest: .venv-lowest/ready  ## The tests of the library with the oldest packages that settings.ini allows
test-newest: .venv-newest/ready  ## The same with the newest packages
test-lowest test-newest: test-%:
	$(QUIET) .venv-$*/bin/python -m pytest -n 2 --dist loadfile $(LIBRARY_TESTS)

# What somebody has who opens a chapter on Colab: the wheel, and the versions that are there.
.venv-colab/ready: settings.ini setup.py tools/colab.txt $(shell find glyphnb -name '*.py')
	$(UV) venv --quiet --clear --python $(PYTHON) .venv-colab
	$(UV) build --quiet --wheel --out-dir .venv-colab/dist
	$(UV) pip install --quiet --python .venv-colab/bin/python --compile-bytecode \
	  -c tools/colab.txt "$$(ls $$PWD/.venv-colab/dist/*.whl)[tensorflow]" anywidget ipykernel ipywidgets nbclient
	@touch $@

test-colab: .venv-colab/ready  ## The chapters from theory to a film, each in an empty folder, with Colab's packages
	$(QUIET) .venv-colab/bin/python tools/spine $(CHAPTER)

test-lab: .venv/ready  ## The same chapters in JupyterLab, in a browser
	ALL_IN_LAB=1 pytest tests/test_lab.py

site: .venv/ready  ## The course as pages that open from disk, in _site/
	@python tools/site

lab: .venv/ready  ## JupyterLab on the chapters
	jupyter lab nbs

fix: .venv/ready  ## Format, clean, export, README: rewrites files, and a second time changes nothing
	ruff check --quiet --fix nbs tests benchmarks tools setup.py
	ruff format --quiet nbs tests benchmarks tools setup.py
	@tools/cite
	nbdev_clean
	@tools/tidy
	nbdev_export
	@$(MAKE) --no-print-directory readme

readme: .venv/ready  ## README.md from nbs/index.ipynb, without Quarto
	@tools/readme README.md

chapters: .venv/ready  ## Run every chapter in a fresh kernel, in place, and clean it
	@for chapter in $(CHAPTERS); do \
	  echo $$chapter; \
	  $(QUIET) timeout 300 jupyter nbconvert --to notebook --execute --inplace --log-level ERROR \
	    --ExecutePreprocessor.extra_arguments=--IPKernelApp.capture_fd_output=False \
	    --ExecutePreprocessor.coalesce_streams=True $$chapter || exit 1; \
	done
	nbdev_clean
	@tools/tidy

weights: .venv/ready  ## Train the shipped model again, and film it for the README
	python -c 'from glyphnb.vae.pretrained import pretrain; pretrain("glyphnb/static/vae.npz")'
	glyphnb morph ف ي --steps 40 --out nbs/morph.gif

bench: .venv/ready  ## Every claim of speed, measured here: an hour and a quarter, or five minutes with QUICK=1
	TQDM_DISABLE=1 python benchmarks/bench.py $(if $(QUICK),--quick,--json glyphnb/static/bench.json)

MINUTES ?= 10
fuzz: .venv/ready  ## Files that nobody would make, for MINUTES=10: what fails is kept, and tried first the next time
	@tools/fuzz $(MINUTES)

mutants: .venv/ready  ## Small changes of the light modules that no test notices: MUTANTS='glyphnb.letters.split*' or all, an hour
	@$(UV) pip install --quiet --python $(BIN)/python 'mutmut==3.8.1'
	@tools/mutants $(MUTANTS)

soak: .venv/ready  ## Long work in one process: fails if memory grows or time slows; half an hour
	@python benchmarks/soak.py

lock: .venv/ready  ## Resolve constraints.txt anew from settings.ini
	tools/lock constraints.txt

clean:  ## Remove the environment and what was built
	rm -rf .venv .venv-* _site build dist *.egg-info .pytest_cache .ruff_cache .hypothesis mutants
