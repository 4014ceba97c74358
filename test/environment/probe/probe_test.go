package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"mesos-docker-containerizer/test/environment/report"
)

// asProbe makes this test program be the probe, under the name that it holds.
const asProbe = "PROBE_TEST_NAME"

func TestMain(m *testing.M) {
	if name := os.Getenv(asProbe); name != "" {
		os.Args[0] = name
		main()
		return
	}
	os.Exit(m.Run())
}

func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProbe+"="+name)
	cmd.Dir = t.TempDir()
	return cmd
}

// begin starts a command that stays and returns its lines of output.
func begin(t *testing.T, cmd *exec.Cmd) *bufio.Scanner {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return bufio.NewScanner(stdout)
}

func line(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("no line of output: %v", lines.Err())
	}
	return lines.Text()
}

// addressIn returns the last word of a line such as "echoing on tcp [::]:4321", with an address that can be dialled.
func addressIn(line string) string {
	words := strings.Fields(line)
	return strings.Replace(words[len(words)-1], "[::]", "127.0.0.1", 1)
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"exit", "0"}, 0},
		{[]string{"exit", "42"}, 42},
		{[]string{"signal", "9"}, 137},
		{[]string{"signal", "15"}, 143},
		{[]string{"write", "-code", "3"}, 3},
		{[]string{"exit"}, 2},
		{[]string{"hold", "-term", "soon", "-nonsense"}, 2},
		{[]string{"unknown"}, 2},
		{nil, 2},
	} {
		cmd := command(t, "probe", c.args...)
		err := cmd.Run()
		var exit *exec.ExitError
		if got := cmd.ProcessState.ExitCode(); got != c.want || err != nil && !errors.As(err, &exit) {
			t.Errorf("%v: exit code %d, %v; want %d", c.args, got, err, c.want)
		}
	}
}

func TestWriteNumbersItsLines(t *testing.T) {
	cmd := command(t, "probe", "write", "-stdout", "20000", "-stderr", "2", "-partial")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&want, "out %08d\n", i)
	}
	if got := stdout.String() + "\n"; got != want.String() {
		t.Errorf("stdout has %d bytes and ends in %q", len(got), got[max(0, len(got)-40):])
	}
	if got := stderr.String(); got != "err 00000000\nerr 00000001" {
		t.Errorf("stderr %q", got)
	}
}

func TestTermination(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    []string
		signals []os.Signal
		want    int // -1 is the end by SIGKILL
	}{
		{"at once", []string{"-term-code", "5"}, []os.Signal{syscall.SIGTERM}, 5},
		{"by another signal", nil, []os.Signal{syscall.SIGUSR1}, 0},
		{"late", []string{"-term", "50ms", "-term-code", "6"}, []os.Signal{syscall.SIGTERM, syscall.SIGQUIT}, 6},
		{"never", []string{"-term", "ignore"}, []os.Signal{syscall.SIGTERM, syscall.SIGKILL}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := command(t, "probe", append([]string{"hold"}, c.args...)...)
			lines := begin(t, cmd)
			if got := line(t, lines); got != "holding" {
				t.Fatalf("first line %q", got)
			}
			for _, s := range c.signals {
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				if s == syscall.SIGKILL {
					break
				}
				if got := line(t, lines); got != "received "+s.String() {
					t.Fatalf("after %v: %q", s, got)
				}
			}
			if lines.Scan() {
				t.Errorf("more output: %q", lines.Text())
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != c.want {
				t.Errorf("%v, want exit code %d", err, c.want)
			}
		})
	}
}

func TestEcho(t *testing.T) {
	lines := begin(t, command(t, "probe", "echo", "tcp,udp", "0"))
	for _, network := range []string{"tcp", "udp"} {
		conn, err := net.Dial(network, addressIn(line(t, lines)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		const sent = "through " + "the wire"
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != sent {
			t.Errorf("%s: %v, %q came back", network, err, got)
		}
	}
}

func TestServers(t *testing.T) {
	for name, args := range map[string][]string{
		"probe":   {"http", "-bind", "127.0.0.1", "0"},
		"python3": {"-u", "-m", "http.server", "0", "--bind", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t, name, args...)
			if err := os.WriteFile(cmd.Dir+"/page", []byte("the page"), 0o644); err != nil {
				t.Fatal(err)
			}
			base := "http://" + addressIn(line(t, begin(t, cmd)))
			if got := fetch(t, base+"/page"); got != "the page" {
				t.Errorf("page %q", got)
			}
			var seen report.Report
			if err := json.Unmarshal([]byte(fetch(t, base+"/probe/report?path=/etc&path="+cmd.Dir+"/page")), &seen); err != nil {
				t.Fatal(err)
			}
			if seen.PID != cmd.Process.Pid || seen.Files[cmd.Dir+"/page"].Content != "the page" || len(seen.Files["/etc"].Entries) == 0 {
				t.Errorf("report of another process: %+v", seen)
			}
		})
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
