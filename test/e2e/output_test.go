package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// wantNumbered checks what `probe write` has written: every line, once, in order.
func wantNumbered(t *testing.T, text, prefix string, lines int) {
	t.Helper()
	n := 0
	for line := range strings.Lines(text) {
		if want := fmt.Sprintf("%s %08d\n", prefix, n); line != want {
			t.Errorf("line %d of %s is %q", n, prefix, line)
			return
		}
		n++
	}
	if n != lines {
		t.Errorf("%s has %d lines, want %d", prefix, n, lines)
	}
}

// Both streams arrive whole and apart, and before the terminal update does.
func TestBulkOutput(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	const lines = 300_000 // of 13 bytes, on each stream: several times what is kept on the way
	k := h.launch(t, probe(t, "write", "-stdout", strconv.Itoa(lines), "-stderr", strconv.Itoa(lines), "-code", "3"))
	status, err := k.Wait(patiently(t))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := k.output(t, "stdout"), k.output(t, "stderr") // at the instant of the update
	wantMessage(t, status, mesos.TASK_FAILED, "Container exited with status 3")
	wantNumbered(t, stdout, "out", lines)
	wantNumbered(t, stderr, "err", lines)
	k.end(t)
}

func TestSmallOutput(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, test := range map[string]struct {
		line           string
		parameters     []string
		stdout, stderr string
	}{
		"none":                                 {"true", nil, "", ""},
		"no newline at the end":                {"printf out; printf err >&2", nil, "out", "err"},
		"of a child that outlives the program": {"(trap '' TERM; sleep 0.2; echo late) & echo early", nil, "early\n", ""},
		"no log driver":                        {"echo out; echo err >&2", []string{"log-driver=none"}, "out\n", "err\n"},
		"terminal":                             {"test -t 1 && echo out; echo err >&2", []string{"tty=true"}, "out\r\nerr\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := shell(t, test.line)
			parameter(&info, test.parameters...)
			k := h.launch(t, info)
			k.finish(t)
			if stdout, stderr := k.output(t, "stdout"), k.output(t, "stderr"); stdout != test.stdout || stderr != test.stderr {
				t.Errorf("stdout %q, stderr %q, want %q, %q", stdout, stderr, test.stdout, test.stderr)
			}
		})
	}
}

// Bytes are bytes: frames, zeros and what is no text come through as they are.
func TestBinaryOutput(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, shell(t, `cd "$MESOS_SANDBOX" && head -c 300000 /dev/urandom >copy &&
		printf '\001\000\000\000\000\000\000\004\002\000\r\n\377' >>copy && cat copy && cat copy >&2`))
	k.finish(t)
	want, err := os.ReadFile(filepath.Join(k.Sandbox, "copy"))
	if err != nil || len(want) != 300013 {
		t.Fatalf("%d bytes, %v", len(want), err)
	}
	for _, name := range []string{"stdout", "stderr"} {
		if got := k.output(t, name); got != string(want) {
			t.Errorf("%s has %d bytes and differs from the %d written", name, len(got), len(want))
		}
	}
}

// A program that closes its output goes on without; what it had written is there once.
func TestOutputIsClosedEarly(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, shell(t, "echo once; echo once >&2; exec >&- 2>&-; sleep 1; exit 5"))
	wantMessage(t, k.end(t), mesos.TASK_FAILED, "Container exited with status 5")
	if stdout, stderr := k.output(t, "stdout"), k.output(t, "stderr"); stdout != "once\n" || stderr != "once\n" {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
}

// The end of the output comes before the Engine tells of the exit, and the larger a task the longer before. It is no reason to
// show the last output again.
func TestOutputComesOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	var texts []string
	for _, name := range strings.Fields("A B C D E F G H I J") {
		texts = append(texts, name+"="+strings.Repeat("=\n", 50_000))
	}
	for i := range 6 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			info := shell(t, "sleep 0.1; echo once")
			info.Command.Environment = variables(texts...)
			k := h.launch(t, info)
			k.finish(t)
			if got := k.output(t, "stdout"); got != "once\n" {
				t.Errorf("stdout %q", got)
			}
		})
	}
}
