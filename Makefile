# Every target does all it needs on a bare Debian machine with Go, as root: it installs missing packages and, where no Docker
# Engine answers, starts a private one for as long as it runs (test/environment/with-engine).

# What is stamped into the programs as main.version, and printed by their version command.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Where install puts things; DESTDIR goes in front, for packages.
PREFIX ?= /usr/local
libexec = $(DESTDIR)$(PREFIX)/libexec/mesos-docker-containerizer
units = $(DESTDIR)$(PREFIX)/lib/systemd/system
documents = $(DESTDIR)$(PREFIX)/share/doc/mesos-docker-containerizer

# How long each fuzz target runs.
FUZZTIME ?= 30s

# The release of honnef.co/go/tools that lint uses, so that a new check does not fail an old commit.
STATICCHECK = v0.8.2
staticcheck = build/bin/staticcheck-$(STATICCHECK)

# Go's own archive unpacks to a place that is in nobody's PATH.
export PATH := $(PATH):/usr/local/go/bin

.DEFAULT_GOAL = help
.PHONY: help build demo test test-differential compat lint bench fuzz install uninstall clean go

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: go ## build the programs into build/, static and stripped
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o build/ ./cmd/...

demo: build ## run a Marathon app on a real Engine, fetch its pages and kill it
	test/environment/with-engine go run ./test/demo build/mesos-docker-containerizer docs/examples/bridged-webapp.json

test: go ## run all tests with the race detector on a real Engine (FLAGS='-run X ./executor/...')
	test/run $(FLAGS)

test-differential: go ## compare 320 generated tasks, and every docker option, with the docker command
	go list -deps -test ./test/differential >/dev/null # fetched before: there is nothing to fetch from beside a private Engine
	test/environment/with-engine go test -count=1 -timeout=8m $(FLAGS) ./test/differential -tasks=320

compat: go ## run the tests that need an Engine with those of test/compat/engines (FLAGS='29 -run X ./containerizer/image')
	test/compat/run $(FLAGS)

lint: go $(staticcheck) ## check formatting, go vet, staticcheck, and the scripts where shellcheck is installed
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	$(staticcheck) ./...
	@if command -v shellcheck >/dev/null; then test/shellcheck; else echo "shellcheck is not installed: scripts not checked"; fi

bench: build ## measure launches, exits and memory beside bare Engine calls (BENCH_OUT=file for JSON, FLAGS='-n 10')
	sync # freshly written programs count as private memory until then
	test/environment/with-engine go run ./test/bench $(FLAGS)

fuzz: go ## run every fuzz target for FUZZTIME (30s)
	test/fuzz $(FUZZTIME)

install: build ## install under PREFIX (/usr/local), with DESTDIR in front
	install -D build/mesos-docker-containerizer $(DESTDIR)$(PREFIX)/bin/mesos-docker-containerizer
	install -D build/mesos-docker-executor $(libexec)/mesos-docker-executor
	install -D build/mesos-docker-cli $(libexec)/docker
	install -d $(DESTDIR)/etc/mesos-docker-containerizer $(units)
	install -m 644 systemd/mesos-docker-containerizer.socket $(units)
	sed 's|/usr/bin/|$(PREFIX)/bin/|' systemd/mesos-docker-containerizer.service > $(units)/mesos-docker-containerizer.service
	install -D -m 644 -t $(documents) README.md
	install -D -m 644 -t $(documents)/docs docs/*.md
	install -D -m 644 -t $(documents)/docs/examples docs/examples/*

uninstall: ## remove what install has put under PREFIX; flags and what setup has made stay
	rm -f $(DESTDIR)$(PREFIX)/bin/mesos-docker-containerizer
	rm -f $(units)/mesos-docker-containerizer.socket $(units)/mesos-docker-containerizer.service
	rm -rf $(libexec) $(documents)

clean: ## remove what was built
	rm -rf build

go:
	@test/environment/require-go

$(staticcheck): | go
	GOBIN=$(CURDIR)/build/bin go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK)
	mv build/bin/staticcheck $@
