package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// Each flag about pulls does what it says, from the command line down to what the framework's user reads.
func TestFlagsOfPulls(t *testing.T) {
	stalling := func(t *testing.T) string { return startRegistry(t).reference }
	for _, tt := range []struct {
		name  string
		flags []string
		ref   func(t *testing.T) string
		state string
		says  []string
	}{
		{"never", []string{"--pull_policy=never"}, stalling, "TASK_FAILED", []string{"pull_policy=never"}},
		{"present", nil, presentImage, "TASK_RUNNING", nil},
		{"always", []string{"--pull_policy=always"}, presentImage, "TASK_FAILED", []string{"registry.invalid"}},
		{"cached", []string{"--pull_policy=always", "--pull_fallback=cached"}, presentImage, "TASK_RUNNING",
			[]string{"registry.invalid", "may be out of date"}},
		{"inactivity", []string{"--pull_inactivity_timeout=6secs"}, stalling, "TASK_FAILED", []string{"no progress for 6s", " of 4.1", "0 of 1 layers"}},
		{"total", []string{"--executor_registration_timeout=10secs"}, stalling, "TASK_FAILED",
			[]string{"executor_registration_timeout", "10s", "downloading, 0 of 1 layers"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // a busy host takes seconds to come to a download, so two rows wait long
			ref := tt.ref(t)
			app := fmt.Sprintf(`{"id": "/%s", "cpus": 0.1, "mem": 32, "cmd": "true",
				"container": {"type": "DOCKER", "docker": {"image": %q, "network": "NONE"}}}`, unique(t), ref)
			p := start(t, append([]string{"run", "--output=json", file(t, app)}, tt.flags...)...)
			<-p.ended
			for _, e := range p.events() {
				if e.Event != "status" || e.State != tt.state {
					continue
				}
				for _, part := range tt.says {
					if !strings.Contains(e.Message, part) {
						t.Errorf("message %q does not say %q", e.Message, part)
					}
				}
				if len(tt.says) == 0 && e.Message != "" {
					t.Errorf("message %q", e.Message)
				}
				return
			}
			t.Errorf("the task was never %s", tt.state)
		})
	}
}

// presentImage is on the host, and its registry is not there.
func presentImage(t *testing.T) (ref string) {
	t.Helper()
	engine := environment.Engine(t)
	ref = "registry.invalid/" + unique(t) + ":1"
	if err := engine.ImageTag(t.Context(), environment.Busybox(t), ref); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := engine.ImageRemove(context.Background(), ref, dockerimage.RemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	return ref
}

// Pulls wait for their turn, which user and admin are told.
func TestPullThatWaitsForAnother(t *testing.T) {
	flags, socket := serveFlags(t)
	daemon := start(t, append(flags, "--max_concurrent_pulls=1")...)
	daemon.await("the daemon serves")
	first, second := startRegistry(t), startRegistry(t)
	runs := []*process{start(t, "run", "--socket="+socket, "--output=json", file(t, pulled(unique(t), first.reference)))}
	runs[0].await(": downloading")
	runs = append(runs, start(t, "run", "--socket="+socket, "--output=json", file(t, pulled(unique(t), second.reference))))
	runs[1].await("waiting for other pulls on this host")
	list := start(t, "ps", "--json", flags[1])
	list.wantStatus(exitOK)
	for _, line := range []string{"pulling " + first.reference + ": downloading", "pulling " + second.reference + ": waiting for other pulls"} {
		if !strings.Contains(list.out(), line) {
			t.Errorf("ps does not say %q:\n%s", line, list.out())
		}
	}
	first.release()
	runs[1].await(fmt.Sprintf(`"total":%d`, len(second.blobs[second.layer])))
	second.release()
	for _, run := range runs {
		run.wantStatus(exitFailed) // the images' programs are none
	}
	daemon.interrupt()
	daemon.wantStatus(exitOK)
}

// How often executors tell of progress is theirs to be told with the first answer.
func TestProgressIntervalIsSaid(t *testing.T) {
	flags, socket := serveFlags(t)
	daemon := start(t, append(flags, "--pull_progress_interval=7secs")...)
	daemon.await("the daemon serves")
	unix, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	conn := wire.NewConn(unix)
	defer conn.Close()
	for _, m := range []wire.Message{
		{Attach: &wire.Attach{Version: wire.Version, Route: wire.RouteCustom, Framework: "f", Executor: unique(t), Sandbox: t.TempDir()}},
		{Launch: &wire.Launch{Task: unique(t)}},
	} {
		if err := conn.Send(m, nil); err != nil {
			t.Fatal(err)
		}
	}
	conn.SetReadDeadline(time.Now().Add(programLimit))
	m, _, err := conn.Receive()
	if err != nil || m.Accepted == nil || m.Accepted.ProgressInterval == nil || *m.Accepted.ProgressInterval != 7*time.Second {
		t.Errorf("%+v, %v", m, err)
	}
}

// The operator's credentials come in the documented order, and say where they are from.
func TestOrderOfDockerConfigs(t *testing.T) {
	c := &config.Config{AgentDockerConfig: []byte(`{"a":{}}`), DockerConfig: []byte(`{"b":{}}`)}
	want := []image.DockerConfig{
		{Source: "the agent's docker_config", Content: []byte(`{"a":{}}`)},
		{Source: "docker_config (built-in default)", Content: []byte(`{"b":{}}`)},
	}
	if diff := cmp.Diff(want, dockerConfigs(c)); diff != "" {
		t.Error(diff)
	}
	if configs := dockerConfigs(&config.Config{}); len(configs) != 0 {
		t.Errorf("%+v", configs)
	}
	_, err := newPuller(&config.Config{PullInactivityTimeout: time.Minute, DockerConfig: []byte("{")}, nil, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "docker_config") {
		t.Errorf("broken credentials: %v", err)
	}
}
