# Two commands do everything on a fresh machine: `make book` and `make test`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The system's Python, used once to make .venv: python3 where it is new enough, else a newer one beside it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)

BIN := .venv/bin
PORT ?= 8000
JOBS ?= 1
HTML := book/_build/html
OFFLINE := dist/good-morning-attention.zip
PDF := dist/.printed
DIST := dist
BOOK_INPUTS := $(shell find book notebooks attnlib _config.yml pyproject.toml \
	tools/build_book.py tools/self_contained.py tools/atomic_write.py tools/palette.py tools/editions.py tools/site -type f \
	-not -path 'book/_build/*' -not -name '*.pyc' -not -path '*/.ipynb_checkpoints/*' -not -path '*/mine/*')

# Same numbers and the same figures on every machine: one thread, no user configuration.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export OMP_NUM_THREADS := 1
export PYTHONHASHSEED := 0
export PYDEVD_DISABLE_FILE_VALIDATION := 1
export REPO REF TAG CHAPTER

# Many systems set a LANGUAGE of their own, which is none of ours: only the command line counts.
export EDITION := $(if $(filter command,$(origin LANGUAGE)),$(LANGUAGE))

.PHONY: help book serve offline pdf colab test test-colab speed faults stale lab reset notebooks experiments lint bench audit fonts lock colab-pins \
	publish-as release-check wheel clean environment web python

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-11s %s\n", $$1, $$2}'

book: web ## set everything up and build the book
	@$(MAKE) --no-print-directory --silent $(HTML)/.complete
	@echo "✓ the book is at $(HTML)/index.html; \`make serve\` opens it at http://127.0.0.1:$(PORT)"

$(HTML)/.complete: $(BOOK_INPUTS)
	@echo "▸ building the pages"
	@python -m tools.build_book --jobs $(JOBS)

serve: book ## serve the built book on this machine only (PORT=8000)
	@echo "▸ http://127.0.0.1:$(PORT) (Ctrl-C ends it)"
	@python -m http.server $(PORT) --bind 127.0.0.1 --directory $(HTML)

offline: book ## pack the built book into one zip that opens without a server
	@$(MAKE) --no-print-directory --silent $(OFFLINE)
	@echo "✓ the offline book is $(OFFLINE): unzip it, open index.html"

$(OFFLINE): $(HTML)/.complete tools/offline_book.py
	@python tools/offline_book.py

pdf: book ## print the whole book as one PDF for each edition
	@$(MAKE) --no-print-directory --silent $(PDF)
	@echo "✓ the printed book is $$(ls dist/good-morning-attention-*.pdf | tr '\n' ' ')"

$(PDF): $(HTML)/.complete tools/book_pdf.py tools/paper.py book/print.css
	@python -m tools.book_pdf && touch $@

colab: environment ## write notebooks that carry attnlib: one file runs in Colab, Kaggle, any Jupyter
	@python -m tools.self_contained
	@echo "✓ the notebooks are in dist/colab: upload one of them"

test: web ## set everything up and prove all of it (COLD=1: reuse nothing)
	@COLD="$(COLD)" python -m tools.prove

test-colab: environment ## prove the notebooks on Colab's versions (COLAB_PYTHON=python3.13: its Python, too)
	@COLAB_PYTHON="$(COLAB_PYTHON)" python -m tools.prove colab

speed: book ## judge how soon figures live, on a quiet machine
	@python -m pytest --quiet tests/speed

faults: web ## plant faults in a copy, one by one: the stage that guards against each must go red
	@python -m tools.faults $(ONLY)

stale: environment ## list what the other editions have not translated again, and what has changed in English
	@python -m tools.translations

lab: environment ## open the book's start page in JupyterLab (LANGUAGE=zh)
	@start="$$(python -m tools.editions "$$EDITION")" && jupyter lab "$$start"

reset: environment ## bring a chapter back as it was, keeping a copy of yours (CHAPTER=03 LANGUAGE=zh)
	@python -m tools.reset_chapter --language="$$EDITION" -- "$$CHAPTER"

notebooks: web ## run every notebook in place (ONLY=path: just that one)
	@python -m tools.run_notebooks $(ONLY)

experiments: environment ## train what chapters train with several seeds, and variants of it: an hour (maintainers)
	@python -m tools.experiments

lint: environment ## put the code into its form and name what is wrong with it
	@ruff format && ruff check --fix && mypy

bench: environment ## measure speed and memory against torch, as ratios
	@python -m benchmarks

audit: web ## ask the databases of known vulnerabilities about all packages
	@python -m tools.audit

fonts: environment ## cut the Chinese fonts to the characters in use (maintainers)
	@python tools/build_fonts.py

lock: ## resolve requirements.in into requirements.txt (maintainers; needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header requirements.in \
		| grep -vE '^(cuda|nvidia|triton)' > requirements.unfinished
	@{ head -2 requirements.txt; cat requirements.unfinished; } > requirements.new
	@mv requirements.new requirements.txt && rm requirements.unfinished

colab-pins: environment ## bring the versions of Colab up to date (FREEZE=file, or from the network)
	@python -m tools.colab_pins $(FREEZE)

publish-as: environment ## write the book's address everywhere (REPO=owner/name REF=tag)
	@python -m tools.publish_as "$$REPO" "$$REF"

release-check: environment
	@python -m tools.publish_as --check "$$TAG"

wheel: environment ## build the wheel of attnlib into dist
	@python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir $(DIST) .
	@echo "✓ $(DIST)/$$(cd $(DIST) && ls -t attnlib-*.whl | head -1)"

clean: ## remove what was built, but not what was installed
	@rm -rf book/_build book/_static/vendor .cache .mypy_cache .pytest_cache .ruff_cache

environment: python
	@$(PYTHON) tools/environment.py

web: python
	@$(PYTHON) tools/environment.py --web

python:
	@$(PYTHON) -c '' 2>/dev/null || { echo "✗ No Python was found as \`$(PYTHON)\`: install Python 3.11 or newer, or name yours: make book PYTHON=/path/to/python3"; exit 1; }
