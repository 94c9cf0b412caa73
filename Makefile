# The front door: everything that people and CI do with this repository has a target here.

CARGO ?= cargo

.PHONY: help run build install-deps test test-long bench lint deny fmt docs site clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build and run the server with its own private database, on http://127.0.0.1:8002
	$(CARGO) run --release --locked --quiet --bin djankiserv -- serve

build: install-deps ## Build the program: target/release/djankiserv
	$(CARGO) build --release --locked --bin djankiserv

install-deps: ## Install the missing system packages (as root), or say which command does it
	scripts/install-deps.sh

test: ## Run all tests: unit, database, program, real clients
	scripts/test.sh

test-long: ## Run what takes longer too, and print a summary
	scripts/test-long.sh

bench: ## Measure the release build beside the official server
	scripts/bench.sh

lint: ## Check formatting, clippy, and the licences and sources of dependencies
	scripts/lint.sh

fmt: ## Format the code
	$(CARGO) fmt --all

docs: ## Write the generated documentation
	$(CARGO) run --locked --quiet --bin djankiserv -- config docs > docs/configuration.md

site: ## Make the documentation's site: target/book (needs mdBook: cargo install mdbook)
	mdbook build docs

clean: ## Remove what was built
	$(CARGO) clean
