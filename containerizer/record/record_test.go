package record

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)

// step is a state so many seconds after the beginning.
func step(state State, after float64, text string) Step {
	return Step{State: state, At: began.Add(time.Duration(after * float64(time.Second))), Text: text}
}

func TestWhy(t *testing.T) {
	asked := Asked{Image: "registry.example/app:7", CPUs: 0.5, Memory: 128 << 20, Network: "bridge", HostPorts: []uint16{31000}, Health: "HTTP"}
	now := began.Add(time.Minute)
	for name, tt := range map[string]struct {
		record Record
		want   []string
	}{
		"finished": {Record{Asked: asked, Steps: []Step{step(Launched, 0, ""), step(Pulling, 0.25, ""), step(Running, 3, ""), step(Ended, 30, "")},
			End: &End{Outcome: "exited"}}, []string{
			"web.1 finished, 30s ago, at 2026-01-02 03:04:35",
			"asked: image registry.example/app:7, 0.5 cpus, 128MiB of memory, network bridge, host ports [31000], HTTP health check, route drop-in, framework f",
			"steps: launched 250ms, pulling 2.8s, running 27s",
			"end: exit status 0, success",
		}},
		"between two tries of a pull": {Record{Steps: []Step{step(Launched, 0, ""), step(Pulling, 0, ""), step(Retrying, 15, ""), step(Pulling, 16, ""), step(Retrying, 58, "pulling x: waiting to try again")},
			Asked: Asked{Image: "registry.example/app:7"}, Pull: &Pull{Try: 2, Of: 6, Error: "no answer", Next: began.Add(63 * time.Second)}}, []string{
			"web.1 retrying for 2s, since 2026-01-02 03:05:03",
			"asked: image registry.example/app:7, route drop-in, framework f",
			"steps: launched 0s, pulling 57s (2 times), retrying 3s (2 times) until now; now: pulling x: waiting to try again",
			"pull: try 2 of 6 failed: no answer; the next comes in 3s, at 03:05:08",
			"do: nothing if the registry comes back; see whether this host reaches it: curl -v https://registry.example/v2/",
		}},
		"killed by its executor's word": {Record{Steps: []Step{step(Running, 0, ""), step(Stopping, 5, ""), step(Ended, 10, "")},
			Stop: &Stop{By: "the agent asked for it", At: began.Add(5 * time.Second), Deadline: began.Add(8 * time.Second)}, End: &End{Outcome: "exited", Code: 137}}, []string{
			"web.1 killed, 50s ago, at 2026-01-02 03:04:15",
			"asked: not known, the task was not translated, route drop-in, framework f",
			"steps: running 5s, stopping 5s",
			"stopped: at 03:04:10 because the agent asked for it; SIGKILL after 3s",
			"end: exit status 137, signal SIGKILL",
		}},
		"out of memory, with figures": {Record{Steps: []Step{step(Running, 0, ""), step(Ended, 10, "")}, Asked: asked, Memory: &Memory{Limit: 128 << 20, Peak: 127 << 20},
			End: &End{Outcome: "exited", Code: 137, OOM: true}}, []string{
			"web.1 failed, 50s ago, at 2026-01-02 03:04:15",
			"asked: image registry.example/app:7, 0.5 cpus, 128MiB of memory, network bridge, host ports [31000], HTTP health check, route drop-in, framework f",
			"steps: running 10s",
			"memory: peak 127MiB, limit 128MiB, the kernel killed it for memory",
			"end: exit status 137, signal SIGKILL",
			"do: give the task more than 128MiB of memory, or make it need less",
		}},
		"SIGKILL from nobody that is known": {Record{Steps: []Step{step(Running, 0, ""), step(Ended, 1, "")}, End: &End{Outcome: "exited", Code: 137}}, []string{
			"web.1 failed, 59s ago, at 2026-01-02 03:04:06",
			"asked: not known, the task was not translated, route drop-in, framework f",
			"steps: running 1s",
			"end: exit status 137, signal SIGKILL",
			"do: find out who sent SIGKILL; it was the kernel, for lack of memory, if `dmesg` shows that; the task may have printed more: /sandbox/stderr",
		}},
		"killed, with an executor that is stopped": {Record{Steps: []Step{step(Running, 0, ""), step(Stopping, 5, "")}, Process: Process{PID: 4711}, Stopped: true,
			Stop: &Stop{By: "the agent asked for it", At: began.Add(5 * time.Second), Deadline: began.Add(8 * time.Second)}}, []string{
			"web.1 stopping for 55s, since 2026-01-02 03:04:10",
			"asked: not known, the task was not translated, route drop-in, framework f",
			"steps: running 5s, stopping 55s until now",
			"stopped: at 03:04:10 because the agent asked for it; SIGKILL after 3s",
			"do: kill -CONT 4711: the executor is stopped (SIGSTOP), so that Mesos hears of no end and no kill arrives",
		}},
		"waiting for the Engine": {Record{Steps: []Step{step(Waiting, 0, "waiting for the Docker Engine")}}, []string{
			"web.1 waiting for 1m0s, since 2026-01-02 03:04:05",
			"asked: not known, the task was not translated, route drop-in, framework f",
			"steps: waiting 1m0s until now; now: waiting for the Docker Engine",
			"do: see why the Engine does not answer: systemctl status docker",
		}},
	} {
		r := tt.record
		r.Task, r.Framework, r.Route, r.Sandbox = "web.1", "f", "drop-in", "/sandbox"
		if got := r.Why(now); strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s:\n%s\nwant:\n%s", name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}

// drawRecord is any record that a daemon can make of what tasks and Engines say.
func drawRecord(t *rapid.T) *Record {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{strings.Repeat("x\n", 20_000), strings.Repeat("ü", 300)}), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	states := []State{Launched, Waiting, Preparing, Pulling, Retrying, Creating, Starting, Running, Healthy, Unhealthy, Stopping, Ended}
	r := &Record{Task: text.Draw(t, "task"), Sandbox: text.Draw(t, "sandbox"), Asked: Asked{Image: text.Draw(t, "image")}}
	at := began
	for range rapid.IntRange(0, 100).Draw(t, "steps") {
		at = at.Add(time.Duration(rapid.Int64Range(-1e9, 1e12).Draw(t, "took")))
		r.Enter(Step{State: rapid.SampledFrom(states).Draw(t, "state"), At: at, Text: text.Draw(t, "text")})
	}
	for range rapid.IntRange(0, 9).Draw(t, "probes") {
		r.Failed(Probe{At: at, Output: text.Draw(t, "output")})
	}
	maybe := func(set func()) {
		if rapid.Bool().Draw(t, "has") {
			set()
		}
	}
	maybe(func() {
		r.Pull = &Pull{Try: 1, Of: 6, Error: text.Draw(t, "error"), Kind: text.Draw(t, "kind"), Next: at}
	})
	maybe(func() { r.Stop = &Stop{By: text.Draw(t, "by"), At: at} })
	maybe(func() { r.Refusal = &Refusal{Rule: text.Draw(t, "rule"), Source: text.Draw(t, "source")} })
	maybe(func() { r.Memory = &Memory{Limit: rapid.Int64().Draw(t, "limit"), Peak: rapid.Int64().Draw(t, "peak")} })
	maybe(func() {
		r.End = &End{Outcome: rapid.SampledFrom([]string{"exited", "failed", "unknown"}).Draw(t, "outcome"), Code: rapid.Int().Draw(t, "code"), OOM: true, Message: text.Draw(t, "message")}
	})
	return r
}

// Whatever a record has, what is said of it is short, and so is its file.
func TestRecordsAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		lines := r.Why(began.Add(time.Hour))
		if len(lines) < 3 || len(lines) > MaxLines {
			t.Fatalf("%d lines", len(lines))
		}
		for _, line := range lines {
			if len(line) > maxLine || !utf8.ValidString(line) || strings.ContainsAny(line, "\n\x1b") {
				t.Fatalf("line %q", line)
			}
		}
		text, err := json.Marshal(r.bounded())
		const escaped = 6 // bytes that JSON may need for one
		if limit := escaped * (maxSteps*(maxText+100) + 8*maxText + 10*maxName + 10*maxProbe); err != nil || len(text) > limit {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		if len(r.Steps) > maxSteps {
			t.Fatalf("%d steps", len(r.Steps))
		}
	})
}
