package rules

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// A path in the tables below is a package of this module from its root, or any other by its import path; with "/..." at its
// end it stands for everything below, too.

func matches(pattern, path string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == below || strings.HasPrefix(path, below+"/")
	}
	return path == pattern
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// heavy is what a process that runs once per task cannot afford: the docker client alone doubles its memory.
var heavy = []string{
	"github.com/docker/...", "github.com/moby/...", "github.com/containerd/...", "github.com/distribution/...",
	"github.com/opencontainers/...", "github.com/prometheus/...", "github.com/spf13/...", "go.opentelemetry.io/...",
	"google.golang.org/grpc/...",
}

// links says what must never be linked into a package, however indirectly.
var links = []struct {
	from    string
	never   []string
	because string
}{
	{"cmd/mesos-docker-executor", heavy, "there is one executor per task, so each import counts a hundred times on a host"},
	{"cmd/mesos-docker-executor", []string{"containerizer/...", "config/...", "systemd/..."}, "the executor knows Mesos and the wire, never the Engine or the host's settings"},
	{"executor/...", heavy, "it is linked into the executor, of which there is one per task"},
	{"executor/...", []string{"containerizer/...", "config/...", "systemd/..."}, "executor and daemon meet in executor/wire only"},
	{"cmd/mesos-docker-cli", []string{"executor/...", "github.com/prometheus/..."}, "it translates the agent's docker commands and owns nothing"},
	{"containerizer/...", []string{"executor", "executor/agent/...", "internal/localagent/..."}, "the daemon never speaks to the agent; executor and daemon meet in executor/wire only"},
	{"containerizer/engine/...", []string{"containerizer", "executor/..."}, "it is a leaf: the Engine's side of the daemon alone"},
	{"containerizer/image/...", []string{"containerizer", "executor/..."}, "it is a leaf: pulls alone"},
	{"containerizer/statuspage/...", []string{"containerizer", "containerizer/engine/...", "executor/..."}, "it is a leaf: it shows facts, and asks no Engine for them"},
	{"containerizer/runspec/...", []string{"containerizer", "executor/..."}, "it is a leaf: from a task to what the Engine creates, without side effects"},
	{"config/...", []string{"containerizer/...", "executor/..."}, "packages take small options, so settings need to know none of them"},
	{"systemd/...", []string{"containerizer/...", "executor/...", "config/..."}, "it is a leaf: readiness and sockets alone"},
	{"cmd/...", []string{"test/...", "testing", "net/http/httptest"}, "test support is no part of the programs"},
}

// pending are packages that rules name before they are written. A name goes from here once the package is there, so that it
// cannot vanish unseen.
var pending = []string{}

func TestLinks(t *testing.T) {
	g := packages(t)
	for _, rule := range links {
		found := false
		for _, from := range slices.Sorted(maps.Keys(g)) {
			if !g.own(from) || !matches(rule.from, from) {
				continue
			}
			found = true
			if chain := g.chain(from, rule.never); chain != nil {
				t.Errorf("%s must not link %s: %s", from, strings.Join(chain[1:], " -> "), rule.because)
			}
		}
		if !found && !slices.Contains(pending, rule.from) {
			t.Errorf("a rule is about %s, which does not exist: mend the rule if the package has moved", rule.from)
		}
	}
}

// chain returns a shortest way of imports to a package that matches, the start included, or nil.
func (g graph) chain(from string, never []string) []string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at != from && matchesAny(never, at) {
			var chain []string
			for ; at != ""; at = came[at] {
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
		if g[at] == nil {
			continue
		}
		for _, next := range g[at].Imports {
			if _, seen := came[next]; !seen {
				came[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// importers says who alone may import a package directly. The first rule for a package decides.
var importers = []struct {
	of      string
	only    []string
	because string
}{
	{"config", []string{"cmd/..."}, "packages take small options, so that each can be used and tested without files"},
	{"systemd/...", []string{"cmd/..."}, "only a main knows how it was started"},
	{"cmd/...", nil, "a main only wires"},
	{"test/...", []string{"test/..."}, "fixtures are no part of the programs"},
	{"github.com/docker/docker/client", []string{"containerizer/engine", "containerizer/runspec/parameters", "test/..."},
		"every call to the Engine has a deadline and a kind of error that containerizer/engine gives it; the parser of docker run parameters only implements the client's interface"},
	{"github.com/docker/cli/cli/command/formatter", []string{"containerizer/dockercli"},
		"it only prints, as docker does, which is what agents read"},
	{"github.com/docker/cli/cli/command/...", []string{"containerizer/runspec/parameters"},
		"docker's command line reads files, variables and terminals; it is confined in one package"},
	{"github.com/prometheus/...", []string{"containerizer", "containerizer/metrics"}, "figures are kept in one place"},
}

func TestImporters(t *testing.T) {
	g := packages(t)
	for _, from := range slices.Sorted(maps.Keys(g)) {
		if !g.own(from) {
			continue
		}
		for _, to := range g[from].Imports {
			for _, rule := range importers {
				if matches(rule.of, to) {
					if !matches(rule.of, from) && !matchesAny(rule.only, from) {
						t.Errorf("%s must not import %s, only %v may: %s", from, to, rule.only, rule.because)
					}
					break
				}
			}
		}
	}
}

// localAgentImports is all that the stand-in for the agent may import beside the standard library: it plays the other side and
// must not agree with ours by sharing its code.
var localAgentImports = []string{"internal/agentflag", "executor/agent", "internal/localagent/...", "github.com/mesos/mesos-go/...", "go.uber.org/zap/...", "golang.org/x/sys/..."}

func TestTransportWireAndLocalAgentStandAlone(t *testing.T) {
	g := packages(t)
	for _, rule := range []struct {
		from string
		only []string
	}{
		{"executor/wire", []string{"internal/transport"}},
		{"internal/transport/...", []string{"internal/transport/..."}},
		{"internal/localagent/...", localAgentImports},
	} {
		for from, p := range g {
			if !g.own(from) || !matches(rule.from, from) {
				continue
			}
			for _, to := range p.Imports {
				if !(g[to] != nil && g[to].Standard) && !matchesAny(rule.only, to) {
					t.Errorf("%s must not import %s: beside the standard library it may import %v", from, to, rule.only)
				}
			}
		}
	}
}

func TestChainFindsWhatIsLinked(t *testing.T) {
	g := graph{
		"a": {Imports: []string{"b", "c"}},
		"b": {Imports: []string{"d"}},
		"c": {Imports: []string{"a"}},
		"d": {Imports: []string{"x.org/y/z"}},
	}
	if got := g.chain("a", []string{"x.org/y/..."}); !slices.Equal(got, []string{"a", "b", "d", "x.org/y/z"}) {
		t.Errorf("chain %v", got)
	}
	for _, never := range []string{"x.org/y", "x.org/yy/...", "a/..."} {
		if got := g.chain("a", []string{never}); got != nil {
			t.Errorf("chain to %s: %v", never, got)
		}
	}
}
