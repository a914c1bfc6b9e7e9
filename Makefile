# make test quality docs notebooks

.PHONY: test test-all quality docs results notebooks

CODE = facekit demos tests benchmarks docs

test:
	pytest

test-all:
	pytest -m ""

quality:
	ruff check $(CODE)
	ruff format --check $(CODE)
	lint-imports
	mypy facekit

docs:
	mkdocs build --strict

results:
	python -m benchmarks.results_table

notebooks:
	python notebooks/make.py
