package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"mesos-docker-containerizer/test/environment"
)

// TestDrain watches a whole daemon, which is restarted meanwhile, until its task has gone.
func TestDrain(t *testing.T) {
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, map[string]string{"/version": `{"version":"1.11.0"}`, "/state": `{"id":"2f1c-S7","pid":"slave(1)@10.0.0.7:5051",
			"hostname":"node7","master_hostname":"m1.example","flags":{"master":"zk://user:secret@z1:2181/mesos"}}`}[r.URL.Path])
	}))
	defer agent.Close()
	flags, socket := serveFlags(t)
	daemon := start(t, flags...)
	daemon.await("the daemon serves")
	id := unique(t)
	run := start(t, "run", "--socket="+socket, "--output=json", file(t, fmt.Sprintf(`{"name": "drained", "task_id": {"value": %q},
		"resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}}],
		"container": {"type": "DOCKER", "docker": {"image": %q, "network": "HOST"}},
		"command": {"shell": true, "value": "exec sleep 600"}}`, id, environment.Busybox(t))))
	run.await("TASK_RUNNING")
	at := "--agent=" + agent.Listener.Addr().String()

	late := start(t, "drain", flags[1], at, "--timeout=1ms")
	late.wantStatus(exitFailed)
	if !strings.Contains(late.err(), "not drained, the time is up: 1 task left") || strings.Count(late.out(), id) != 2 {
		t.Errorf("%q %q", late.out(), late.err())
	}

	p := start(t, "drain", flags[1], at)
	p.await(id)
	daemon.signal(syscall.SIGTERM)
	daemon.wantStatus(exitOK)
	p.await("waiting for the daemon: no daemon answers")
	daemon = start(t, flags...)
	daemon.await("the daemon serves")
	environment.Eventually(t, programLimit, "the executor to be back", func() bool {
		ps := start(t, "ps", flags[1])
		<-ps.ended
		return strings.Contains(ps.out(), id)
	})
	stop := start(t, "stop", flags[1], "--grace=0s", id)
	stop.wantStatus(exitOK)
	p.wantStatus(exitOK)
	for _, text := range []string{
		`{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"2f1c-S7"}}}' 'http://m1.example:5050/api/v1'`,
		"TASK ", "running", "1 task left", "no task is left\n", "REACTIVATE_AGENT",
	} {
		if !strings.Contains(p.out(), text) {
			t.Errorf("%q is not in %q", text, p.out())
		}
	}
	if strings.Contains(p.out()+p.err(), "secret") {
		t.Error("a secret of the agent's is shown")
	}
	<-run.ended
	daemon.interrupt()
	daemon.wantStatus(exitOK)
	nothingLeft(t, id)
}
