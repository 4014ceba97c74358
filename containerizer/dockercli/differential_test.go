package dockercli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/test/environment"
)

// referenceVersion is the docker whose words are ours: the last one that every Mesos was run with. Later ones have other texts, in
// which agents take no interest.
const referenceVersion = "20.10."

// realDocker is the real docker command; the test ends here where there is none of its version.
func realDocker(t *testing.T) string {
	t.Helper()
	for _, path := range []string{"/usr/bin/docker", "/usr/local/bin/docker"} {
		version, err := exec.CommandContext(t.Context(), path, "--version").Output()
		if err == nil && strings.HasPrefix(string(version), "Docker version "+referenceVersion) {
			return path
		}
	}
	t.Skipf("NOT TESTED: there is no docker command of version %s to compare with", referenceVersion)
	return ""
}

// runReal carries out a command with the real docker, at a host.
func runReal(t *testing.T, path, host string, arguments ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-H", host}, arguments...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// The Engine says what the client's version of the API has: answers to the same version are compared.
	ours := environment.Engine(t)
	ours.NegotiateAPIVersion(t.Context())
	cmd.Env = append(os.Environ(), "DOCKER_API_VERSION="+ours.ClientVersion())
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{Status: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

// compare carries the same command out with both and returns what it came to.
func compare(t *testing.T, d *Docker, path string, arguments ...string) result {
	t.Helper()
	want, got := runReal(t, path, environment.Host(), arguments...), answer(t.Context(), d, arguments...)
	if arguments[0] == "inspect" {
		want.Stdout = completed(t, want.Stdout)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docker %q, docker's answer and ours:\n%s", arguments, diff)
	}
	return got
}

// completed is docker's inspect with what we add where the Engine leaves it out.
func completed(t *testing.T, printed string) string {
	t.Helper()
	var objects []json.RawMessage
	if json.Unmarshal([]byte(printed), &objects) != nil || len(objects) == 0 {
		return printed
	}
	for i := range objects {
		var err error
		if objects[i], err = completeContainer(objects[i]); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := writeObjects(Call{Stdout: &out}, objects); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Whatever changes nothing is asked of both, docker first.
func TestSameAnswers(t *testing.T) {
	t.Parallel()
	path := realDocker(t)
	b := newBench(t)
	d := newDocker(t, environment.Socket(t))
	running, stopped, absent := uniqueName(), uniqueName(), uniqueName()
	id := b.run(running, `echo "<&>"; sleep 1000`, func(c *container.Config, h *container.HostConfig) {
		c.Labels = map[string]string{"quoted": `<"&'>` + "\u2028", "name.with": "a\nline"}
		h.NetworkMode = "bridge"
	})
	b.create(stopped, "exit 3", func(_ *container.Config, h *container.HostConfig) { h.NetworkMode = "host" })
	for _, arguments := range [][]string{
		{"inspect", running},
		{"inspect", "--type=container", running},
		{"inspect", "--type", "container", stopped},
		{"inspect", "--type=", stopped},
		{"inspect", id[:12]},
		{"inspect", running, absent, stopped},
		{"inspect", absent},
		{"inspect", absent, absent + "2"},
		{"inspect", "--type=container", absent},
		{"inspect", "--type=container", absent, running},
		{"inspect", "127.0.0.1:5000/" + absent + ":1"},
		{"inspect", "--type=nonsense", running},
		{"inspect"},
		{"inspect", "--nonsense", running},
		{"inspect", running, "--type"},
		{"stop", absent},
		{"stop", "-t", "0", absent, absent + "2"},
		{"stop", "-t", "x", absent},
		{"stop", "--time=x", absent},
		{"stop", "-t"},
		{"stop", "-zt", "3", absent},
		{"stop"},
		{"stop", stopped},
		{"rm", absent},
		{"rm", "-f", absent},
		{"rm", "-f", "-v", absent, absent + "2"},
		{"rm", "-fv", absent},
		{"rm", "-v", running},
		{"rm", "--nonsense", running},
		{"rm", "-fv=2", running},
		{"rm"},
		{"kill", absent},
		{"kill", stopped},
		{"kill", "--signal", "NONSENSE", running},
		{"kill", "-s", "0", running},
		{"kill", "-s"},
		{"kill"},
		{"wait", absent},
		{"wait", stopped},
		{"wait", "/" + stopped},
		{"wait"},
		{"wait", "--nonsense"},
		{"wait", "--help"},
		{"ps", "nonsense"},
		{"ps", "--all=nonsense"},
	} {
		compare(t, d, path, arguments...)
	}
	if t.Failed() {
		return
	}
	if got := answer(t.Context(), d, "inspect", running); !strings.Contains(got.Stdout, `"NetworkSettings": {`) {
		t.Errorf("the comparison was one of nothing: %+v", got)
	}
}

// times are what ps says of them, which differ between two commands one after the other, with the spaces behind.
var times = regexp.MustCompile(`(About |Less than )?(an?|\d+) (second|minute|hour)s?( ago)? *`)

func TestSameTable(t *testing.T) {
	t.Parallel()
	path := realDocker(t)
	b := newBench(t)
	d := newDocker(t, environment.Socket(t))
	prefix := uniqueName()
	b.run(prefix+"-running", "sleep 1000")
	b.create(prefix+"-created", `echo "a 'quoted' command that is longer than its column"`, func(c *container.Config, _ *container.HostConfig) {
		c.Entrypoint, c.Cmd = []string{"/bin/sh", "-c"}, c.Cmd[2:]
	})
	b.run(prefix+"-exited", "exit 7")
	b.awaitState(prefix+"-exited", "exited")
	// Other tests use the same Engine: their rows are no business of this one, and neither is the width they give to columns.
	rows := func(r result) (header string, rows []string) {
		lines := strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n")
		for _, line := range lines {
			if strings.Contains(line, prefix) {
				rows = append(rows, strings.Join(strings.Fields(times.ReplaceAllString(line, "TIME ")), " "))
			}
		}
		return strings.Join(strings.Fields(lines[0]), " "), rows
	}
	for _, arguments := range [][]string{{"ps", "-a"}, {"ps", "--all"}, {"ps"}, {"ps", "-a=false"}} {
		want, got := runReal(t, path, environment.Host(), arguments...), answer(t.Context(), d, arguments...)
		wantHeader, wantRows := rows(want)
		gotHeader, gotRows := rows(got)
		if len(wantRows) == 0 || got.Status != 0 || got.Stderr != "" {
			t.Errorf("docker %q: %+v", arguments, got)
		}
		if diff := cmp.Diff(append(wantRows, wantHeader), append(gotRows, gotHeader)); diff != "" {
			t.Errorf("docker %q, docker's table and ours:\n%s", arguments, diff)
		}
		for _, line := range strings.Split(strings.TrimSuffix(got.Stdout, "\n"), "\n")[1:] {
			if fields := strings.Fields(line); strings.Contains(line, prefix) && !strings.HasPrefix(fields[len(fields)-1], prefix) {
				t.Errorf("the last column of %q is no name", line)
			}
		}
	}
}

// Whatever changes something is done by docker, and then by us to a container that is the same.
func TestSameEffects(t *testing.T) {
	path := realDocker(t)
	obedient := `trap 'exit 5' TERM; touch /ready; while :; do sleep 0.05; done`
	for name, c := range map[string]struct {
		script    string
		stopped   bool // before the command
		arguments []string
		state     string // after the command
	}{
		"stop":                {obedient, false, []string{"stop", "NAME"}, "exited"},
		"stop now":            {`trap '' TERM; sleep 1000`, false, []string{"stop", "-t", "0", "NAME"}, "exited"},
		"stop with an option": {`trap '' TERM; sleep 1000`, false, []string{"stop", "--time=1", "NAME"}, "exited"},
		"stop by id":          {obedient, false, []string{"stop", "-t5", "ID"}, "exited"},
		"stop what stopped":   {"exit 3", true, []string{"stop", "-t", "0", "NAME"}, "exited"},
		"rm":                  {"exit 3", true, []string{"rm", "-v", "NAME"}, "absent"},
		"rm running":          {obedient, false, []string{"rm", "-f", "-v", "NAME"}, "absent"},
		"rm running unasked":  {obedient, false, []string{"rm", "-v", "NAME"}, "running"},
		"kill":                {`sleep 1000`, false, []string{"kill", "NAME"}, "exited"},
		"kill with a signal":  {obedient, false, []string{"kill", "--signal", "SIGTERM", "NAME"}, "exited"},
		"kill with a number":  {obedient, false, []string{"kill", "-s=15", "NAME"}, "exited"},
		"wait":                {"exit 3", true, []string{"wait", "NAME"}, "exited"},
		"wait for":            {"sleep 0.3; exit 4", false, []string{"wait", "NAME", "ID"}, "exited"},
		"two of three":        {obedient, false, []string{"stop", "-t", "5", "NAME", "NAME-absent", "ID"}, "exited"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			d := newDocker(t, environment.Socket(t))
			container := uniqueName()
			var code [2]int
			do := func(i int, command func(arguments ...string) result) result {
				id := b.run(container, c.script)
				if c.stopped {
					b.awaitState(container, "exited")
				} else if c.script == obedient {
					b.awaitFile(id, "/ready")
				}
				arguments := strings.Split(strings.NewReplacer("NAME", container, "ID", id).Replace(strings.Join(c.arguments, " ")), " ")
				got := command(arguments...)
				b.awaitState(id, c.state)
				if c.state == "exited" {
					code[i] = b.exitCode(id)
				}
				b.remove(id)
				got.Stdout = strings.ReplaceAll(got.Stdout, id, "ID")
				got.Stderr = strings.ReplaceAll(got.Stderr, id, "ID")
				return got
			}
			want := do(0, func(arguments ...string) result { return runReal(t, path, environment.Host(), arguments...) })
			got := do(1, func(arguments ...string) result { return answer(t.Context(), d, arguments...) })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("docker's answer and ours:\n%s", diff)
			}
			if code[0] != code[1] {
				t.Errorf("the container ended with status %d, with docker %d", code[1], code[0])
			}
		})
	}
}

// Without -t a container has the time that it was created with, as with docker.
func TestStopTakesTheContainersOwnTime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := newDocker(t, environment.Socket(t))
	name, own := uniqueName(), 1
	b.run(name, `trap '' TERM; while :; do sleep 0.05; done`, func(c *container.Config, _ *container.HostConfig) { c.StopTimeout = &own })
	began := time.Now()
	if got, want := answer(t.Context(), d, "stop", name), (result{Stdout: name + "\n"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if took := time.Since(began); took > (defaultStopTime-1)*time.Second {
		t.Errorf("took %v", took)
	}
}
