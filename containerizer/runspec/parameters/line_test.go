package parameters

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/runspec"
)

// agentLine is how an agent begins an executor's container (contract 2.1).
var agentLine = []string{
	"--cpu-shares", "20", "--memory", "33554432", "-e", "A=b c", "-e", "MESOS_SANDBOX=/mnt/mesos/sandbox",
	"-v", "/work/slaves/S0/frameworks/F/executors/e/runs/1:/mnt/mesos/sandbox", "--net", "host", "--entrypoint", "/bin/sh",
	"--name", "mesos-1", "--label=team=a", "--init=true", "example.com/app:1", "-c", "exec ./executor --net=none",
}

func TestReadLine(t *testing.T) {
	line, err := readLine(agentLine)
	if err != nil {
		t.Fatal(err)
	}
	if line.Name != "mesos-1" || line.Detach || !line.SigProxy || line.Pull != "missing" || line.Quiet {
		t.Errorf("%+v", line)
	}
	if got := line.Declared(); !slices.Equal(got, []string{"label", "init"}) {
		t.Errorf("declared %q", got)
	}
	c, h := line.Config, line.HostConfig
	slices.Sort(c.Env) // docker's parser keeps them in a map
	if c.Image != "example.com/app:1" || !slices.Equal(c.Cmd, []string{"-c", "exec ./executor --net=none"}) || !slices.Equal(c.Entrypoint, []string{"/bin/sh"}) ||
		!slices.Equal(c.Env, []string{"A=b c", "MESOS_SANDBOX=/mnt/mesos/sandbox"}) || !c.AttachStdout || !c.AttachStderr || c.AttachStdin ||
		c.Labels["team"] != "a" {
		t.Errorf("%+v", c)
	}
	if h.CPUShares != 20 || h.Memory != 33554432 || h.NetworkMode != "host" || len(h.Binds) != 1 || h.Init == nil || !*h.Init || h.AutoRemove {
		t.Errorf("%+v", h)
	}
}

// What the line says and what the same options give a task are one thing.
func TestLineEqualsOptions(t *testing.T) {
	options := []string{"--memory=64m", "--env=A=b", "--cap-add=SYS_ADMIN", "--pid=host", "--publish=8080:80", "--tmpfs=/run:size=1m", "--gpus=all",
		"--mount=type=bind,src=/a,dst=/t,bind-create-src"}
	line, err := readLine(append(slices.Clone(options), "busybox", "sleep", "1"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := parse(runspec.ParseRequest{Options: options, Image: "busybox", Command: []string{"sleep", "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(written(t, result), written(t, line.ParseResult)); diff != "" {
		t.Error(diff)
	}
}

func written(t *testing.T, r runspec.ParseResult) string {
	t.Helper()
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestLineOptionsOfItsOwn(t *testing.T) {
	for _, tt := range []struct {
		line string
		ok   func(*runspec.RunLine) bool
	}{
		{"-d app", func(l *runspec.RunLine) bool { return l.Detach && !l.Config.AttachStdout }},
		{"-itq --rm app", func(l *runspec.RunLine) bool {
			return l.Quiet && l.Config.AttachStdin && l.Config.OpenStdin && l.Config.Tty && l.HostConfig.AutoRemove
		}},
		{"--sig-proxy=false --pull always app", func(l *runspec.RunLine) bool { return !l.SigProxy && l.Pull == "always" }},
		{"-a stdout app", func(l *runspec.RunLine) bool { return l.Config.AttachStdout && !l.Config.AttachStderr }},
		{"-v /a:/b -v /c:/d app -v /e:/f", func(l *runspec.RunLine) bool { return len(l.HostConfig.Binds) == 2 && len(l.Config.Cmd) == 2 }},
		{"--platform linux/arm64 app", func(l *runspec.RunLine) bool { return l.Platform.Architecture == "arm64" }},
		{"app", func(l *runspec.RunLine) bool { return l.Name == "" && len(l.Declared()) == 0 }},
	} {
		line, err := readLine(strings.Fields(tt.line))
		if err != nil || !tt.ok(line) {
			t.Errorf("%s: %+v, %v", tt.line, line, err)
		}
	}
}

func TestLinesThatAreRefused(t *testing.T) {
	t.Setenv("HUSH", "geheim")
	file := t.TempDir() + "/file"
	for _, tt := range []struct{ line, part string }{
		{"", "requires at least 1 argument"},
		{"--memory 1g", "requires at least 1 argument"},
		{"--no-such app", "unknown flag: --no-such"},
		{"--memory lots app", "invalid argument"},
		{"--pull often app", "invalid pull option"},
		{"-v ./x:/y app", "relative"},
		{"--mount type=bind,src=./x,dst=/y app", "relative"},
		{"-e HUSH app", "NAME=value"},
		{"--env-file " + file + " app", "docker parameter env-file is refused"},
		{"--cidfile " + file + " app", "docker parameter cidfile is refused"},
		{"--label mesos-docker-containerizer.name=x app", "docker parameter label is refused"},
		{"--restart always app", "docker parameter restart is refused"},
		{"--use-api-socket app", "docker parameter use-api-socket is refused"},
		{"--name a --name=b app", "2 names"},
		{"-d -a stdout app", "cannot specify both"},
		{"--help", "docker parameter help is refused"},
	} {
		_, err := readLine(strings.Fields(tt.line))
		wrong, ok := errors.AsType[*runspec.OptionError](err)
		if !ok || !strings.Contains(wrong.Text, tt.part) || strings.Contains(wrong.Text, "geheim") {
			t.Errorf("%s: %v", tt.line, err)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the file of cidfile was made")
	}
}

func TestLineThroughAChild(t *testing.T) {
	s := NewSubprocess()
	line, err := s.ParseRun(t.Context(), agentLine)
	if err != nil || line.Name != "mesos-1" || line.Config.Image != "example.com/app:1" || len(line.Given) != 10 {
		t.Errorf("%+v, %v", line, err)
	}
	for _, arguments := range [][]string{nil, {"-e", "A=\xff", "app"}, {"--bad"}} {
		_, err := s.ParseRun(t.Context(), arguments)
		if _, ok := errors.AsType[*runspec.OptionError](err); !ok {
			t.Errorf("%q: %v", arguments, err)
		}
	}
}

// FuzzLine holds that a line is read or refused, and that image and command are the end of a line that is read.
func FuzzLine(f *testing.F) {
	f.Add(strings.Join(agentLine, "\n"))
	f.Add("-it\n--rm\n--pull=always\napp")
	f.Add("--mount\ntype=bind,src=/a,dst=/b\n-p\n1-3:1-3\napp\n--\n-x")
	f.Fuzz(func(t *testing.T, text string) {
		arguments := strings.Split(text, "\n")
		line, err := readLine(arguments)
		if err != nil {
			if _, ok := errors.AsType[*runspec.OptionError](err); !ok {
				t.Fatal(err)
			}
			return
		}
		rest := append([]string{line.Config.Image}, line.Config.Cmd...)
		if len(rest) > len(arguments) || !slices.Equal(rest, arguments[len(arguments)-len(rest):]) {
			t.Errorf("%q is read as %q", arguments, rest)
		}
	})
}
