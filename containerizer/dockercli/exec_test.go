package dockercli

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/test/environment"
)

func TestLogsAndExecAsDocker(t *testing.T) {
	t.Parallel()
	path := realDocker(t)
	b := newBench(t)
	d := newDocker(t, environment.Socket(t))
	running, stopped, terminal, absent := uniqueName(), uniqueName(), uniqueName(), uniqueName()
	b.run(running, "echo one; echo two >&2; echo three; touch /ready; sleep 1000")
	b.awaitFile(running, "/ready")
	b.run(stopped, "echo gone")
	b.awaitState(stopped, "exited")
	b.run(terminal, "echo one; echo two >&2", func(c *container.Config, _ *container.HostConfig) { c.Tty = true })
	b.awaitState(terminal, "exited")
	for _, arguments := range [][]string{
		{"logs", running},
		{"logs", "/" + running},
		{"logs", "--tail", "1", running},
		{"logs", "-n", "0", running},
		{"logs", "-t", running},
		{"logs", "--since", "1h", "--timestamps", running},
		{"logs", "--since", "2100-01-01T00:00:00", running},
		{"logs", "--until", "1h", running},
		{"logs", "--details", stopped},
		{"logs", "-f", stopped},
		{"logs", "-f", terminal},
		{"logs", absent},
		{"logs", running, stopped},
		{"logs", "--nonsense", running},
		{"logs", "--since", "yesterday", running},
		{"exec", running, "/bin/sh", "-c", "echo out; echo err >&2; exit 3"},
		{"exec", "-e", "A=b c", "--env=D=", running, "/bin/sh", "-c", `echo "$A${D-unset}"`},
		{"exec", "-w", "/bin", running, "pwd"},
		{"exec", "-u", "1:2", running, "id", "-u"},
		{"exec", "--user=nobody", running, "id", "-u"},
		{"exec", "--privileged", running, "grep", "CapEff", "/proc/self/status"},
		{"exec", "-t", running, "/bin/sh", "-c", "echo out; echo err >&2"},
		{"exec", "-i", running, "cat"},
		{"exec", "-d", running, "true"},
		{"exec", running, "/no/such/program"},
		{"exec", running, "/bin"},
		{"exec", running, "ls", "--nonsense", "-d"},
		{"exec", stopped, "true"},
		{"exec", absent, "true"},
		{"exec", "-it", running, "true"},
		{"exec", "--nonsense", running, "true"},
		{"exec", running},
	} {
		compareWords(t, d, path, arguments...)
	}
}

// newWords are what docker says otherwise in each of its versions: wrong uses of a command in its own help, and processes that
// cannot be started in those of the runtime, with its number.
var newWords = regexp.MustCompile(`(?s)\n(See|Run) 'docker.*|OCI runtime exec failed: .*`)

// compareWords is compare without what no one depends on.
func compareWords(t *testing.T, d *Docker, path string, arguments ...string) {
	t.Helper()
	want, got := runReal(t, path, environment.Host(), arguments...), answer(t.Context(), d, arguments...)
	for _, r := range []*result{&want, &got} {
		r.Stderr, r.Stdout = newWords.ReplaceAllString(r.Stderr, ""), newWords.ReplaceAllString(r.Stdout, "")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docker %q, docker's answer and ours:\n%s", arguments, diff)
	}
}

func TestExecReadsInput(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := newDocker(t, environment.Socket(t))
	name := uniqueName()
	b.run(name, "sleep 1000")
	c := begin(t.Context(), d, "exec", "--interactive", name, "/bin/sh", "-c", "read line; echo got $line; cat; exit 4")
	_, _ = io.WriteString(c.stdin, "one\ntwo\n")
	_ = c.stdin.Close()
	if status := <-c.status; status != 4 || c.stdout.String() != "got one\ntwo\n" {
		t.Errorf("status %d, %q, %q", status, c.stdout.String(), c.stderr.String())
	}
}

// The output of a process may end before the Engine knows how the process has ended: until then its status says nothing.
func TestExecWaitsForTheStatus(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var asked atomic.Int32
	d := newDocker(t, engineThatKnowsLate(t, &asked))
	name := uniqueName()
	b.run(name, "sleep 1000")
	if got := answer(t.Context(), d, "exec", name, "/bin/sh", "-c", "exit 3"); got != (result{Status: 3}) || asked.Load() < 3 {
		t.Errorf("%+v, asked %d times", got, asked.Load())
	}
}

// engineThatKnowsLate says twice that a process runs, whether it does or not.
func engineThatKnowsLate(t *testing.T, asked *atomic.Int32) (socket string) {
	t.Helper()
	real := environment.Socket(t)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine" },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", real)
		}},
	}
	inspect := regexp.MustCompile(`/exec/.*/json$`)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if inspect.MatchString(r.URL.Path) && asked.Add(1) <= 2 {
			_, _ = io.WriteString(w, `{"Running":true,"ExitCode":0}`)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	server.Listener.Close()
	socket = filepath.Join(t.TempDir(), "engine.sock")
	var err error
	if server.Listener, err = net.Listen("unix", socket); err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Close)
	return socket
}

// A terminal of the caller is put into raw mode and its size is the process's.
func TestExecWithATerminal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := newDocker(t, environment.Socket(t))
	name := uniqueName()
	b.run(name, "sleep 1000")
	in, stdin := io.Pipe()
	defer in.Close()
	var stdout strings.Builder
	sizes, raw := make(chan protocol.Size, 1), false
	sizes <- protocol.Size{Height: 33, Width: 77}
	go func() { _, _ = io.WriteString(stdin, "go\r") }()
	status := d.Answer(t.Context(), Call{
		Arguments: []string{"exec", "--interactive", "--tty", name, "/bin/sh", "-c", "until [ \"$(stty size)\" = '33 77' ]; do sleep 0.1; done; read line; echo got $line"},
		Stdin:     in, Stdout: &stdout, Stderr: io.Discard,
		Terminal: Terminal{Stdin: true, Stdout: true, Sizes: sizes, Raw: func() error { raw = true; return nil }},
	})
	if status != statusOK || !strings.Contains(stdout.String(), "got go\r\n") || !raw {
		t.Errorf("status %d, raw %v, %q", status, raw, stdout.String())
	}
}

func TestVariableWithoutAValue(t *testing.T) {
	d := newDocker(t, environment.Socket(t))
	for _, variable := range []string{"HOME", "=x", ""} {
		if got := answer(t.Context(), d, "exec", "-e", variable, "any", "true"); got.Status != statusUsage || !strings.Contains(got.Stderr, "NAME=value") {
			t.Errorf("%+v", got)
		}
	}
}

// A caller that goes away ends its log, and its process in the container no more than docker's caller does.
func TestLogOfACallerThatDies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := newDocker(t, environment.Socket(t))
	name := uniqueName()
	b.run(name, "sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for _, arguments := range [][]string{{"logs", "-f", name}, {"exec", name, "sleep", "1000"}} {
		if got := answer(ctx, d, arguments...); got.Status == statusOK {
			t.Errorf("%q: %+v", arguments, got)
		}
	}
}

// FuzzLogOptions holds that times are read or refused, and reach the Engine as numbers.
func FuzzLogOptions(f *testing.F) {
	f.Add("10m", "2013-01-02T13:23:37Z", "5")
	f.Add("1136073600.000000001", "-1s", "all")
	f.Add("&follow=1", "\r\nHost: x", "0 HTTP/1.1\r\n")
	f.Fuzz(func(t *testing.T, since, until, tail string) {
		set := logsSyntax.flags()
		for name, value := range map[string]string{"since": since, "until": until, "tail": tail} {
			if err := set.Set(name, value); err != nil {
				t.Skip()
			}
		}
		o, err := logOptions(set, time.Unix(1e9, 0))
		if err != nil {
			return
		}
		for _, at := range []string{o.Since, o.Until} {
			if strings.Trim(at, "-.0123456789") != "" {
				t.Errorf("%q, %q become %+v", since, until, o)
			}
		}
	})
}

// FuzzExec holds that the command of a line that is read is its end.
func FuzzExec(f *testing.F) {
	f.Add("-it\n-e\nA=b\nname\nsh\n-c\n-x")
	f.Add("--user=a\n--\nname\n--\nls")
	f.Fuzz(func(t *testing.T, text string) {
		arguments := strings.Split(text, "\n")
		set, operands, err := execSyntax.parse(Call{Arguments: append([]string{"exec"}, arguments...), Stdout: io.Discard})
		if err != nil || len(operands) < 2 {
			return
		}
		o, err := execOptions(set, operands[1:])
		if err != nil {
			return
		}
		if end := strings.Join(o.Cmd, "\n"); !strings.HasSuffix(text, "\n"+end) {
			t.Errorf("%q runs %q", text, end)
		}
	})
}
