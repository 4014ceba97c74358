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

// The task that an agent has pulled for with credentials of its own may force a pull and have none. The agent has asked for it then,
// as long ago as a start of an executor takes, and nobody else: a task with credentials asks with these.
func TestForcedPullAfterTheAgents(t *testing.T) {
	const here = "registry.example.com"
	agent := sandboxWith(t, map[string]string{sandboxConfig: config(here, "agent:x")})
	task := sandboxWith(t, map[string]string{sandboxConfig: config(here, "task:x")})
	for name, tt := range map[string]struct {
		operator bool
		sandbox  string
		wait     time.Duration
		image    string
		between  *Request // an agent's pull of its own
		custom   bool     // a task for which no agent pulls
		asks     bool
	}{
		"at once":                     {image: "/app:1"},
		"when the executor is there":  {image: "/app:1", wait: time.Minute},
		"much later":                  {image: "/app:1", wait: agentPullTime, asks: true},
		"another image":               {image: "/app:2", asks: true},
		"with credentials of its own": {image: "/app:1", sandbox: task, asks: true},
		"with the operator's":         {image: "/app:1", operator: true, asks: true},
		"after a pull without login":  {image: "/app:1", between: &Request{ByAgent: true}, asks: true},
		"for which no agent pulls":    {image: "/app:1", custom: true, asks: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &fakeEngine{present: map[string]bool{}, pull: func(context.Context, func(string)) error { return nil }}
				o := Options{Engine: e, InactivityTimeout: time.Hour}
				if tt.operator {
					o.DockerConfigs = agents(config(here, "operator:x"))
				}
				p, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				pull := func(r Request) {
					t.Helper()
					r.Force = true
					if _, err := p.Pull(t.Context(), r); err != nil {
						t.Fatal(err)
					}
				}
				pull(Request{Reference: here + "/app:1", AgentDirectory: agent, ByAgent: true})
				time.Sleep(tt.wait)
				if tt.between != nil {
					tt.between.Reference = here + "/app:1"
					pull(*tt.between)
				}
				before := len(e.pulls)
				pull(Request{Reference: here + tt.image, SandboxDirectory: tt.sandbox, AfterAgent: !tt.custom})
				if asks := len(e.pulls) > before; asks != tt.asks {
					t.Errorf("the registry is asked: %v, want %v", asks, tt.asks)
				}
			})
		})
	}
}

// An agent's pull that fails, or is not through yet, is not passed over for an earlier one that was.
func TestForcedPullAfterTheAgentsLatest(t *testing.T) {
	const ref = "registry.example.com/app:1"
	agent := sandboxWith(t, map[string]string{sandboxConfig: config("registry.example.com", "agent:x")})
	for name, outcome := range map[string]error{"fails": os.ErrInvalid, "goes on": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var result error
				gate := make(chan struct{}, 3)
				gate <- struct{}{}
				e := &fakeEngine{present: map[string]bool{}, pull: func(context.Context, func(string)) error {
					<-gate
					return result
				}}
				p, err := New(Options{Engine: e, InactivityTimeout: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				byAgent := Request{Reference: ref, Force: true, AgentDirectory: agent, ByAgent: true}
				if _, err := p.Pull(t.Context(), byAgent); err != nil {
					t.Fatal(err)
				}
				result = outcome
				ends := make(chan error, 2)
				for _, r := range []Request{byAgent, {Reference: ref, Force: true, AfterAgent: true}} {
					go func() {
						_, err := p.Pull(t.Context(), r)
						ends <- err
					}()
					synctest.Wait()
				}
				if len(ends) != 0 {
					t.Fatal("a pull ends before the registry has answered")
				}
				close(gate)
				for range 2 {
					if err := <-ends; (err == nil) != (outcome == nil) {
						t.Errorf("error %v, the Engine's is %v", err, outcome)
					}
				}
			})
		})
	}
}
