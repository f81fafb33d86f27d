# Targets for people; `make test` is what the README names and .ci/run calls.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
# The same for the tests as for what is released, so that everything is compiled
# once, and not again in another folder.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(shell go env GOFLAGS) -trimpath)
.PHONY: help build test check e2e generate bench fuzz clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## build bin/audit
	go build -o bin/audit ./cmd/audit

test: ## all tests, the ones on a real Kubernetes API server included
	test/packages
	go vet ./...
	go test -timeout 20m ./...
	$(MAKE) e2e

e2e: build ## only the tests on real servers: Kubernetes (built on first use, about 5 minutes), databases, a JupyterHub
	test/packages
	test/cluster/build >/dev/null
	# One package more than processors: often one waits for its servers to start.
	cd test && go vet ./... && go test -count=1 -p $$(($$(nproc) + 1)) -timeout 30m ./...

check: ## what CI runs beside the tests: format, linters, race detector, chart
	.ci/check

generate: ## write docs/checks.md and the recorded worlds again
	go generate ./internal/checkdoc
	go generate ./internal/world

bench: build ## audit a generated big world on the real API server and print time and memory
	test/cluster/build >/dev/null
	cd test && go run ./bench

FUZZTIME ?= 20s
fuzz: ## run every fuzz target for FUZZTIME
	for p in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9]*' $$p/*_test.go | cut -c6-); do \
	    go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p; done; done

clean: ## remove what was built here
	rm -rf bin
