package drain

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
)

const (
	drainCall  = `curl -sSiL -H 'Content-Type: application/json' -d '{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"2f1c-S7"}}}' 'http://m1:5050/api/v1'`
	backCall   = `curl -sSiL -H 'Content-Type: application/json' -d '{"type":"REACTIVATE_AGENT","reactivate_agent":{"agent_id":{"value":"2f1c-S7"}}}' 'http://m1:5050/api/v1'`
	seeCall    = `curl -sSiL 'http://m1:5050/maintenance/schedule'`
	windowCall = `curl -sSiL -H 'Content-Type: application/json' -d '{"windows":[{"machine_ids":[{"hostname":"node7","ip":"10.0.0.7"}],"unavailability":{"start":{"nanoseconds":1700000000000000005}}}]}' 'http://m1:5050/maintenance/schedule'`
	downCall   = `curl -sSiL -H 'Content-Type: application/json' -d '[{"hostname":"node7","ip":"10.0.0.7"}]' 'http://m1:5050/machine/down'`
	upCall     = `curl -sSiL -H 'Content-Type: application/json' -d '[{"hostname":"node7","ip":"10.0.0.7"}]' 'http://m1:5050/machine/up'`
)

var at = time.Unix(1700000000, 5)

func node(version string) liveagent.State {
	return liveagent.State{Version: version, ID: "2f1c-S7", Hostname: "node7", IP: "10.0.0.7", Master: "m1:5050", Scheme: "http"}
}

// commandsOf are the lines that a shell would run.
func commandsOf(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func TestCallsByVersion(t *testing.T) {
	byDrain := []string{drainCall, backCall}
	byMaintenance := []string{seeCall + "\n" + windowCall, downCall + "\n" + upCall}
	both := []string{drainCall + "\n" + seeCall + "\n" + windowCall, backCall + "\n" + downCall + "\n" + upCall}
	for version, want := range map[string][]string{
		"0.23.1": {"", ""}, "0.24.2": {"", ""},
		"0.25.0": byMaintenance, "0.28.3": byMaintenance, "1.0.0": byMaintenance, "1.8.1": byMaintenance,
		"1.9.0": byDrain, "1.11.0": byDrain, "1.12.0-dev": byDrain, "2.0.0": byDrain,
		"": both, "new": both,
	} {
		c := CallsFor(node(version), nil, at)
		if now, later := strings.TrimSpace(commandsOf(c.Now)), strings.TrimSpace(commandsOf(c.Later)); now != want[0] || later != want[1] {
			t.Errorf("%s: now\n%s\nlater\n%s", version, now, later)
		}
		if known := !strings.Contains(c.Now, "is not known"); known != (version != "" && version != "new") {
			t.Errorf("%s: %s", version, c.Now)
		}
		if strings.Contains(c.Now, "Put in") {
			t.Errorf("%s: %s", version, c.Now)
		}
	}
	if c := CallsFor(node("0.24.2"), nil, at); !strings.Contains(c.Now, "Mesos 0.24.2 cannot drain") {
		t.Error(c.Now)
	}
}

func TestPlaceholders(t *testing.T) {
	for name, c := range map[string]struct {
		state   liveagent.State
		problem error
		want    []string
	}{
		"no agent":      {liveagent.State{}, errors.New("connection refused\nreboot"), []string{`"value":"AGENT_ID"`, "'http://MASTER:5050/api/v1'", `"ip":"IP"`, `values of AGENT_ID, HOSTNAME, IP, MASTER:5050, which`, `connection refused\nreboot`, "is not known"}},
		"denied":        {liveagent.State{Version: "1.11.0", Scheme: "https"}, liveagent.ErrDenied, []string{"'https://MASTER:5050/api/v1'", "only those who authenticate"}},
		"no master":     {liveagent.State{Version: "1.11.0", ID: "S1", Hostname: "h", IP: "1.2.3.4", Scheme: "http"}, nil, []string{`"value":"S1"`, "values of MASTER:5050, which", "no master now"}},
		"another agent": {liveagent.State{Version: "x'\nreboot"}, nil, []string{`(it says "x'\nreboot")`}},
	} {
		got := CallsFor(c.state, c.problem, at)
		for _, text := range c.want {
			if !strings.Contains(got.Now, text) {
				t.Errorf("%s: %q is not in\n%s", name, text, got.Now)
			}
		}
		for line := range strings.Lines(got.Now + got.Later) {
			if !strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "curl ") {
				t.Errorf("%s: a shell would run %q", name, line)
			}
		}
	}
}

// TestShellTakesCalls gives all lines to a shell, as an operator does, with a curl that shows its arguments.
func TestShellTakesCalls(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "curl"), []byte("#!/bin/sh\nprintf '<%s>' \"$@\"\necho\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := CallsFor(node(""), errors.New("what's `this` $(that)"), at)
	shell := exec.Command("sh", "-c", c.Now+c.Later)
	shell.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
	out, err := shell.CombinedOutput()
	if err != nil || strings.Count(string(out), "\n") != 6 || !strings.Contains(string(out), `<-d><[{"hostname":"node7","ip":"10.0.0.7"}]><http://m1:5050/machine/down>`) {
		t.Errorf("%v\n%s", err, out)
	}
}
