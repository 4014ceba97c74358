# Every target does all it needs on a bare Debian machine with Go, as root: it installs missing packages and, where no Docker
# Engine answers, starts a private one for as long as it runs (test/environment/with-engine).

# The release stands in the file VERSION. A build that is not for a package has the commit behind it, as semantic versions have it.
RELEASE := $(shell cat VERSION)
COMMIT ?= $(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unknown)

# What is stamped into the programs as main.version, and printed by their version command.
VERSION ?= $(RELEASE)+$(COMMIT)

# Where the programs are built, and where install takes manual pages and completion from: a program for another processor cannot print them.
BUILD ?= build
MANUALS ?= $(BUILD)

# Where install puts things; DESTDIR goes in front, for packages.
PREFIX ?= /usr/local
libexec = $(DESTDIR)$(PREFIX)/libexec/mesos-docker-containerizer
units = $(DESTDIR)$(PREFIX)/lib/systemd/system
share = $(DESTDIR)$(PREFIX)/share
documents = $(share)/doc/mesos-docker-containerizer

# How long each fuzz target runs.
FUZZTIME ?= 30s

# The release of honnef.co/go/tools that lint uses, so that a new check does not fail an old commit.
STATICCHECK = v0.8.2
staticcheck = build/bin/staticcheck-$(STATICCHECK)

# The release of github.com/goreleaser/nfpm that package uses: the newest whose modules all come from the public proxy.
NFPM = v2.45.2
nfpm = build/bin/nfpm-$(NFPM)

# Go's own archive unpacks to a place that is in nobody's PATH.
export PATH := $(PATH):/usr/local/go/bin

.DEFAULT_GOAL = help
.PHONY: help build documents demo test test-differential compat test-faults soak lint bench fuzz install uninstall package test-systemd test-vm test-prometheus agents clean go

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: go ## build the programs into build/, static and stripped
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)' -o $(BUILD)/ ./cmd/...

documents: build ## print manual pages and completion into build/man and build/completion
	mkdir -p $(BUILD)/man $(BUILD)/completion/bash $(BUILD)/completion/zsh $(BUILD)/completion/fish
	for p in mesos-docker-containerizer mesos-docker-executor; do \
		$(BUILD)/mesos-docker-containerizer manual $$p > $(BUILD)/man/$$p.1 || exit; done
	$(BUILD)/mesos-docker-containerizer completion bash > $(BUILD)/completion/bash/mesos-docker-containerizer
	$(BUILD)/mesos-docker-containerizer completion zsh > $(BUILD)/completion/zsh/_mesos-docker-containerizer
	$(BUILD)/mesos-docker-containerizer completion fish > $(BUILD)/completion/fish/mesos-docker-containerizer.fish

demo: build ## run a Marathon app on a real Engine, fetch its pages and kill it
	test/environment/with-engine go run ./test/demo build/mesos-docker-containerizer docs/examples/bridged-webapp.json

test: go ## run all tests with the race detector on a real Engine (FLAGS='-run X ./executor/...')
	test/run $(FLAGS)

test-differential: go ## compare 320 generated tasks, and every docker option, with the docker command
	go list -deps -test ./test/differential >/dev/null # fetched before: there is nothing to fetch from beside a private Engine
	test/environment/with-engine go test -count=1 -timeout=8m $(FLAGS) ./test/differential -tasks=320

compat: go ## run the tests that need an Engine with those of test/compat/engines (FLAGS='29 -run X ./containerizer/image')
	test/compat/run $(FLAGS)

agents: build ## compare stock, drop-in and custom executor under a real agent (AGENT=install tree of Mesos or ClusterD)
	test/agents/run '$(AGENT)' $(FLAGS)

test-faults: go ## throw drawn faults at a whole host for MINUTES (20), from SEED if that is given (FLAGS='-round=3')
	test/environment/with-engine go test -count=1 -v -timeout=0 ./test/faults -run TestFaults -minutes=$(or $(MINUTES),20) $(if $(SEED),-seed=$(SEED)) $(FLAGS)

soak: go ## run 50 tasks at a time under faults for MINUTES (30) and compare what the daemon needs
	test/environment/with-engine go test -count=1 -v -timeout=0 ./test/faults -run TestSoak -minutes=$(or $(MINUTES),30) $(if $(SEED),-seed=$(SEED))

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

install: build $(if $(filter $(BUILD),$(MANUALS)),documents) ## install under PREFIX (/usr/local), with DESTDIR in front
	install -D $(BUILD)/mesos-docker-containerizer $(DESTDIR)$(PREFIX)/bin/mesos-docker-containerizer
	install -D $(BUILD)/mesos-docker-executor $(libexec)/mesos-docker-executor
	install -D $(BUILD)/mesos-docker-cli $(libexec)/docker
	install -d $(DESTDIR)/etc/mesos-docker-containerizer $(units)
	packaging/flags-readme < docs/configuration.md > $(DESTDIR)/etc/mesos-docker-containerizer/README
	chmod 644 $(DESTDIR)/etc/mesos-docker-containerizer/README
	sed 's|/usr/bin/|$(PREFIX)/bin/|' systemd/mesos-docker-containerizer.service > $(units)/mesos-docker-containerizer.service
	chmod 644 $(units)/mesos-docker-containerizer.service
	install -D -m 644 -t $(documents) README.md CHANGELOG.md SECURITY.md
	install -D -m 644 -t $(documents)/docs docs/*.md
	install -D -m 644 -t $(documents)/docs/images docs/images/*
	install -D -m 644 -t $(documents)/docs/examples docs/examples/*
	install -D -m 644 -t $(share)/man/man1 $(MANUALS)/man/*.1
	install -D -m 644 -t $(share)/bash-completion/completions $(MANUALS)/completion/bash/*
	install -D -m 644 -t $(share)/zsh/site-functions $(MANUALS)/completion/zsh/*
	install -D -m 644 -t $(share)/fish/vendor_completions.d $(MANUALS)/completion/fish/*

uninstall: ## remove what install has put under PREFIX; flags and what setup has made stay
	rm -f $(DESTDIR)$(PREFIX)/bin/mesos-docker-containerizer
	rm -f $(units)/mesos-docker-containerizer.socket $(units)/mesos-docker-containerizer.service
	rm -rf $(libexec) $(documents)
	rm -f $(DESTDIR)/etc/mesos-docker-containerizer/README $(share)/man/man1/mesos-docker-containerizer.1 $(share)/man/man1/mesos-docker-executor.1
	rm -f $(share)/bash-completion/completions/mesos-docker-containerizer $(share)/zsh/site-functions/_mesos-docker-containerizer
	rm -f $(share)/fish/vendor_completions.d/mesos-docker-containerizer.fish

package: go $(nfpm) ## make the packages in build/packages: .deb, .rpm, .tar.gz, for amd64 and arm64, with checksums
	packaging/build $(nfpm) $(RELEASE) build/packages

test-systemd: go $(nfpm) ## try the .deb in a booted Debian 13, as namespaces of this kernel (SUITE=bookworm MACHINE=directory for Debian 12)
	test/systemd/run $(nfpm)

test-vm: go $(nfpm) ## try limits, AppArmor and a reboot with the .deb in a Debian 13 in qemu, emulated where there is no KVM
	test/systemd/run $(nfpm) virtual

test-prometheus: build ## have a real Prometheus scrape a daemon, fire alerts by faults and answer the queries of the board
	test/prometheus/run

clean: ## remove what was built
	rm -rf build

go:
	@test/environment/require-go

$(staticcheck): | go
	GOBIN=$(CURDIR)/build/bin go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK)
	mv build/bin/staticcheck $@

$(nfpm): | go
	GOBIN=$(CURDIR)/build/bin go install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM)
	mv build/bin/nfpm $@
