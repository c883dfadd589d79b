# Short names for what ./till and .ci do; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test ui api lint format types doctor ci

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run everything on this machine
	./till demo

test: ## run the test suite
	./till test

ui: ## fetch fonts, icons and scripts of the pages anew
	.venv/bin/python ui/build.py

api: ## record the API's examples, and write its description and its client anew
	TILL_TEST_RENEW=1 ./till test -n0 -q tests/web/test_examples.py -k really
	./till openapi > docs/openapi.json
	.venv/bin/python clients/python/generate.py

doctor: ## look at what this installation needs
	./till doctor

lint: ## check style, layers and scripts
	.ci/run lint

format: ## put the code into shape
	.venv/bin/ruff check --fix-only --quiet .
	.venv/bin/ruff format .

types: ## check the types
	.ci/run types

ci: ## run what continuous integration runs
	.ci/run
