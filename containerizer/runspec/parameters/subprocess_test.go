package parameters

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/runspec"
)

func requestFor(options ...string) runspec.ParseRequest {
	return runspec.ParseRequest{Parameters: options, Image: "busybox", Command: []string{"-c", "a\nb", ""}}
}

// TestSubprocessEqualsInProcess proves that nothing is lost between the processes.
func TestSubprocessEqualsInProcess(t *testing.T) {
	requests := map[string]runspec.ParseRequest{
		"nothing": requestFor(),
		"much": requestFor("--env=A=two\nlines", "--label=a=ü", "--mount=type=bind,src=/a,dst=/b", "--publish=1-3:1-3", "--gpus=all",
			"--network=name=n,ip=10.0.0.1", "--security-opt=systempaths=unconfined", "--platform=linux/arm64", "--init=true", "--stop-timeout=3"),
		"wrong":   requestFor("--user=u", "--memory=lots"),
		"unknown": requestFor("--nosuch=1"),
	}
	parser := NewSubprocess()
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			want, wantErr := parse(request)
			got, gotErr := parser.Parse(t.Context(), request)
			if wantErr != nil {
				var fault, wantFault *runspec.OptionError
				if !errors.As(gotErr, &fault) || !errors.As(wantErr, &wantFault) || *fault != *wantFault {
					t.Fatalf("error %v, want %v", gotErr, wantErr)
				}
				return
			}
			if gotErr != nil {
				t.Fatal(gotErr)
			}
			if diff := cmp.Diff(jsonOf(t, want), jsonOf(t, got)); diff != "" {
				t.Errorf("in process (-) and in a child (+) differ:\n%s", diff)
			}
		})
	}
}

func jsonOf(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSubprocessIsConfined gives the child what the rules never let through: even then it must not see our environment, read
// what only root may, or leave a file behind.
func TestSubprocessIsConfined(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "hush")
	t.Setenv("DOCKER_DEFAULT_PLATFORM", "linux/s390x")
	t.Setenv("DOCKER_CONTENT_TRUST", "1")
	parser := NewSubprocess()
	result, err := parser.Parse(t.Context(), requestFor("--env=SECRET_OF_THE_DAEMON", "--env=PATH"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(result.Config.Env)
	if diff := cmp.Diff([]string{"PATH", "SECRET_OF_THE_DAEMON"}, result.Config.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if result.Platform != nil {
		t.Errorf("platform %v was taken from our environment", result.Platform)
	}

	directory := t.TempDir()
	secret := filepath.Join(directory, "secret")
	if err := os.WriteFile(secret, []byte("A=hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if result, err := parser.Parse(t.Context(), requestFor("--env-file="+secret)); err == nil {
			t.Errorf("the child read a file of root's: %v", result.Config.Env)
		}
	}
	written := filepath.Join(directory, "cid")
	if os.Geteuid() == 0 {
		if _, err := parser.Parse(t.Context(), requestFor("--cidfile="+written)); err == nil {
			t.Error("the child wrote a file")
		}
		if _, err := os.Stat(written); err == nil {
			t.Error("the child left a file")
		}
	}
}

func TestSubprocessBounds(t *testing.T) {
	parser := NewSubprocess()
	parser.timeout = time.Hour // what is tested is the limit of processor time, for which a child on a busy host waits long
	t.Run("memory or processor time, as the host is slow", func(t *testing.T) {
		if raceEnabled {
			t.Skip("the race detector itself fails, in its own words, when memory is short")
		}
		_, err := parser.Parse(t.Context(), requestFor(slices.Repeat([]string{"--publish=1-65535:1-65535"}, 100)...))
		checkFaultField(t, err, "container.docker.parameters")
	})
	t.Run("output", func(t *testing.T) {
		small := NewSubprocess()
		small.maxReply = 1 << 10
		_, err := small.Parse(t.Context(), requestFor("--publish=1-1000:1-1000"))
		checkFaultField(t, err, "container.docker.parameters")
	})
	t.Run("input", func(t *testing.T) {
		_, err := parser.Parse(t.Context(), requestFor("--env=A="+strings.Repeat("x", maxRequest)))
		checkFaultField(t, err, "container.docker.parameters")
	})
	t.Run("a large task fits", func(t *testing.T) {
		result, err := parser.Parse(t.Context(), requestFor("--env=A="+strings.Repeat("x", 5<<20)))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(result.Config.Env[0]); got != 5<<20+2 {
			t.Errorf("the variable has %d bytes", got)
		}
	})
	t.Run("stuck", func(t *testing.T) {
		impatient := NewSubprocess()
		impatient.timeout = time.Millisecond
		_, err := impatient.Parse(t.Context(), requestFor())
		var fault *runspec.Error
		if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &fault) {
			t.Errorf("error %v, want that it took too long", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := parser.Parse(ctx, requestFor())
		var fault *runspec.Error
		if !errors.Is(err, context.Canceled) || errors.As(err, &fault) {
			t.Errorf("error %v, want that the context was cancelled", err)
		}
	})
}

// TestOverworked lets the kernel kill real processes: only the limit of processor time is what a task's options can exceed.
func TestOverworked(t *testing.T) {
	for script, want := range map[string]bool{
		"ulimit -t 1; while :; do :; done": true,
		"kill -KILL $$":                    false,
		"kill -TERM $$":                    false,
		"exit 1":                           false,
	} {
		command := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
		if err := command.Run(); err == nil {
			t.Errorf("%s: ended with status 0", script)
		}
		if got := overworked(command.ProcessState, time.Second); got != want {
			t.Errorf("%s: %v, want %v", script, got, want)
		}
	}
}

func checkFaultField(t *testing.T, err error, field string) {
	t.Helper()
	var fault *runspec.Error
	if !errors.As(err, &fault) || fault.Field != field {
		t.Fatalf("error %v, want one about %s", err, field)
	}
}

// TestSubprocessConcurrently has more callers than slots.
func TestSubprocessConcurrently(t *testing.T) {
	parser := NewSubprocess()
	var group sync.WaitGroup
	for range 3 * cap(parser.slots) {
		group.Go(func() {
			if _, err := parser.Parse(t.Context(), requestFor("--user=u")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(parser.slots) != 0 {
		t.Errorf("%d slots are still taken", len(parser.slots))
	}
}

// BenchmarkSubprocess is what a task with any parameter but a label pays, once.
func BenchmarkSubprocess(b *testing.B) {
	parser := NewSubprocess()
	task := taskWith("hostname=h", "label=MESOS_TASK_ID=t")
	for b.Loop() {
		if _, err := runspec.Translate(b.Context(), task, runspec.Options{Parameters: parser}); err != nil {
			b.Fatal(err)
		}
	}
}
