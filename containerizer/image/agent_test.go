package image

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/registry"
)

// What an agent has made of its docker_config comes after the task's own credentials and before the operator's, and a pull with
// it is one that tasks without credentials of their own join.
func TestAgentDirectory(t *testing.T) {
	const here = "registry.example.com"
	agent := sandboxWith(t, map[string]string{sandboxConfig: config(here, "agent:x")})
	sandbox := sandboxWith(t, map[string]string{sandboxConfig: config(here, "task:x")})
	for _, tt := range []struct{ name, sandbox, agent, want string }{
		{"all", sandbox, agent, "task"},
		{"no login of the task", t.TempDir(), agent, "agent"},
		{"agent only", "", agent, "agent"},
		{"an agent without files", "", t.TempDir(), "operator"},
		{"none", "", "", "operator"},
	} {
		e := &fakeEngine{pull: func(context.Context, func(string)) error { return os.ErrInvalid }}
		p, err := New(Options{Engine: e, InactivityTimeout: time.Minute, DockerConfigs: agents(config(here, "operator:x"))})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = p.Pull(t.Context(), Request{Reference: here + "/app", SandboxDirectory: tt.sandbox, AgentDirectory: tt.agent})
		login, err := registry.DecodeAuthConfig(strings.Fields(e.pulls[0])[1])
		if err != nil || login.Username != tt.want {
			t.Errorf("%s: login of %q, want %q's: %v", tt.name, login.Username, tt.want, err)
		}
	}
}

func TestAgentDirectoryDividesNoPull(t *testing.T) {
	const here = "registry.example.com"
	agent, empty := sandboxWith(t, map[string]string{sandboxConfig: config(here, "agent:x")}), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := &fakeEngine{pull: func(context.Context, func(string)) error {
			<-release
			return os.ErrInvalid
		}}
		p, err := New(Options{Engine: e, InactivityTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []Request{{AgentDirectory: agent}, {SandboxDirectory: empty}} {
			r.Reference = here + "/app"
			go func() { _, _ = p.Pull(t.Context(), r) }()
			synctest.Wait()
		}
		if len(e.pulls) != 1 {
			t.Errorf("pulls %q", e.pulls)
		}
		close(release)
		synctest.Wait()
	})
}
