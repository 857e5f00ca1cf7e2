# The commands of this repository. `make test` is the one that counts; `.ci/run` is what has to pass before a change lands.

SHELL := /bin/bash

.DEFAULT_GOAL := help

.PHONY: help
help: ## Lists the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

.PHONY: demo
demo: ## Runs the demo on http://localhost:8080
	go run ./example

.PHONY: cluster
cluster: ## Runs three instances of the demo behind a proxy on http://localhost:8080, on a database of its own
	go run ./example/cluster

.PHONY: test
test: ## Runs the tests of every module (STRICT=1: leaving any out is an error; TESTFLAGS: flags for go test)
	@STRICT="$(or $(STRICT),$(CI_STRICT))" scripts/test $(TESTFLAGS)

.PHONY: vet
vet: ## Runs go vet in every module
	@scripts/each go vet ./...

.PHONY: fmt
fmt: ## Formats all Go files
	gofmt -l -w $$(git ls-files -co --exclude-standard '*.go')

.PHONY: fmt-check
fmt-check:
	@files=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$files" ]; then echo "not formatted:"; echo "$$files"; exit 1; fi

.PHONY: lint
lint: ## Runs golangci-lint, in the pinned version, in every module
	@scripts/lint

.PHONY: screenshots
screenshots: ## Takes pictures of the demo's pages, light and dark, on a phone and on a desk, in integration/screenshots
	mkdir -p integration/screenshots
	cd integration && SCREENSHOTS="$$PWD/screenshots" GOWORK=off go test -count=1 ./browser

.PHONY: fuzz
fuzz: ## Runs every fuzz target for a short while (FUZZTIME: seconds for each)
	@scripts/fuzz

.PHONY: allocs
allocs: ## Fails when an operation allocates more than its test says; without the race detector, which allocates too
	GOWORK=off go test -count=1 -run '^TestAllocations$$' ./engine ./ginoauth ./memstore

.PHONY: bench
bench: ## Compares the speed with other servers and writes docs/performance.md and .svg (BENCHFLAGS: -quick, -only, ...)
	@if command -v npm >/dev/null; then npm ci --ignore-scripts --no-audit --no-fund --prefix bench/node; fi
	cd bench && GOWORK=off go run . -out ../docs $(BENCHFLAGS)

.PHONY: bench-growth
bench-growth: ## Measures how cost grows with tokens, clients, scopes and processors, and writes that to docs/performance.md
	cd bench && GOWORK=off go run . growth -out ../docs $(BENCHFLAGS)

.PHONY: bench-go
bench-go: ## Runs the benchmarks of the root module
	GOWORK=off go test -run '^$$' -bench . -benchmem ./...

.PHONY: scaling
scaling: ## Measures the stores on real databases and writes docs/scaling.md (LIVE: with how many live tokens)
	cd integration && export GOWORK=off LIVE="$(or $(LIVE),1000 100000 1000000)" && set -o pipefail && \
		go test -run '^$$' -bench . -benchtime $(or $(BENCHTIME),1s) -timeout 2h ./scaling | go run ./scaling/table -write ../docs/scaling.md

.PHONY: tidy
tidy: ## Tidies the go.mod of every module
	@scripts/each go mod tidy

.PHONY: tidy-check
tidy-check:
	@scripts/each go mod tidy -diff

.PHONY: cover
cover: ## Measures the coverage of the root module's packages by its own tests
	GOWORK=off go test -coverpkg=./... -coverprofile=cover.out ./...
	@go tool cover -func=cover.out | tail -n 1
