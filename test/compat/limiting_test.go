package compat

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limiting are rows about memory, and about the size of arguments.
func limiting() []row {
	return []row{
		{
			name: "oom-of-child-then-zero", request: "a child is killed for memory, the first process goes on and ends with status 0",
			ask:     func(t *testing.T, e *engine) string { return e.outOfMemory(t, "exit 0", release) },
			answers: []said{{"20.10", "ExitCode 0, OOMKilled true; create, start, oom, die 0"}},
			product: "TASK_FINISHED with a note",
		},
		{
			name: "oom-of-child-then-three", request: "the same, but it ends with 3",
			ask:     func(t *testing.T, e *engine) string { return e.outOfMemory(t, "exit 3", release) },
			answers: []said{{"20.10", "ExitCode 3, OOMKilled true; create, start, oom, die 3"}},
			product: "TASK_FAILED without a reason, and with a note",
		},
		{
			name: "oom-of-child-then-137", request: "the same, but it ends with 137",
			ask:     func(t *testing.T, e *engine) string { return e.outOfMemory(t, "exit 137", release) },
			answers: []said{{"20.10", "ExitCode 137, OOMKilled true; create, start, oom, die 137"}},
			product: "TASK_FAILED with REASON_CONTAINER_LIMITATION_MEMORY",
		},
		{
			name: "oom-of-child-then-kill", request: "a child is killed for memory, then kill with SIGKILL",
			ask: func(t *testing.T, e *engine) string {
				return e.outOfMemory(t, "", func(t *testing.T, e *engine, id string) { e.ask(t, "POST", "/containers/"+id+"/kill", nil) })
			},
			answers: []said{{"20.10", "ExitCode 137, OOMKilled true; create, start, oom, kill, die 137"}},
			product: "TASK_KILLED where the kill was asked for, else TASK_FAILED, with a note: it watches kill events",
		},
		{
			name: "oom-of-child-then-host-kills", request: "a child is killed for memory, then a process of the host sends SIGKILL",
			ask: func(t *testing.T, e *engine) string {
				return e.outOfMemory(t, "", func(t *testing.T, e *engine, id string) {
					pid, err := strconv.Atoi(e.inspect(t, id).at("State.Pid"))
					if err == nil {
						err = unix.Kill(pid, unix.SIGKILL)
					}
					if err != nil {
						t.Fatal(err)
					}
				})
			},
			answers: []said{{"20.10", "ExitCode 137, OOMKilled true; create, start, oom, die 137"}},
			product: "TASK_FAILED with the reason of a memory limit, which cannot be told apart",
		},
		{
			name: "oom-while-running", request: "a child was killed for memory, the container runs: OOMKilled",
			ask: func(t *testing.T, e *engine) string {
				id, _ := e.eaten(t, "")
				return e.inspect(t, id).at("State.OOMKilled")
			},
			answers: []said{{"20.10", "false"}, {"26", "true"}},
			product: "reads the flag after the end only",
		},
		{
			name: "oom-of-first-process", request: "the first process is killed for memory: ExitCode",
			ask: func(t *testing.T, e *engine) string {
				// Whether the Engine hears of the kill before it hears of the end is chance, so OOMKilled is no part of the row.
				_, a := e.ran(t, object{"Cmd": []string{"tail", "-c", "200m", "/dev/zero"}, "HostConfig": smallMemory})
				return a.at("State.ExitCode")
			},
			answers: []said{{"20.10", "137"}},
			product: "TASK_FAILED with REASON_CONTAINER_LIMITATION_MEMORY, also where the Engine has not heard of it: it reads the kernel's count",
		},
		{
			name: "argument-of-128-kib", request: "an argument of 131071 bytes; of 131072",
			ask: func(t *testing.T, e *engine) string {
				return e.withArgument(t, 131071) + "; " + e.withArgument(t, 131072)
			},
			answers: []said{{"20.10", "204, ExitCode 0, Error \"\", output \"\"; 204, ExitCode 1, Error \"\", output \"exec /bin/true: argument list too long\""}, {"29", "204, ExitCode 0, Error \"\", output \"\"; 204, ExitCode 255, Error \"\", output \"exec /bin/true: argument list too long\""}},
			product: "refuses it before the create, with the string's number",
		},
		{
			name: "variable-of-128-kib", request: "a variable, NAME=value, of 131072 bytes",
			ask: func(t *testing.T, e *engine) string {
				id := e.must(t, object{"Cmd": []string{"true"}, "Env": []string{"X=" + strings.Repeat("x", 131072-2)}})
				return e.startedWith(t, id)
			},
			answers: []said{{"20.10", "204, ExitCode 1, Error \"\", output \"exec /bin/true: argument list too long\""}, {"29", "204, ExitCode 255, Error \"\", output \"exec /bin/true: argument list too long\""}},
			product: "refuses it before the create, with the variable's name",
		},
		{
			name: "arguments-of-2-mib", request: "20 arguments of 100000 bytes; 21",
			ask: func(t *testing.T, e *engine) string {
				var all []string
				for _, n := range []int{20, 21} {
					arguments := []string{"true"}
					for range n {
						arguments = append(arguments, strings.Repeat("x", 100000))
					}
					all = append(all, e.startedWith(t, e.must(t, object{"Cmd": arguments})))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "204, ExitCode 0, Error \"\", output \"\"; 204, ExitCode 1, Error \"\", output \"exec /bin/true: argument list too long\""}, {"29", "204, ExitCode 0, Error \"\", output \"\"; 204, ExitCode 255, Error \"\", output \"exec /bin/true: argument list too long\""}},
			product: "sends it with a warning in TASK_RUNNING, as it cannot know the stack limit, and says the reason at the end",
		},
		{
			name: "arguments-with-stack-limit", request: "12 arguments of 100000 bytes with Ulimits stack 4 MiB",
			ask: func(t *testing.T, e *engine) string {
				arguments := []string{"true"}
				for range 12 {
					arguments = append(arguments, strings.Repeat("x", 100000))
				}
				return e.startedWith(t, e.must(t, object{"Cmd": arguments, "HostConfig": object{"Ulimits": []object{{"Name": "stack", "Soft": 4 << 20, "Hard": 4 << 20}}}}))
			},
			answers: []said{{"20.10", "204, ExitCode 1, Error \"\", output \"exec /bin/true: argument list too long\""}, {"29", "204, ExitCode 255, Error \"\", output \"exec /bin/true: argument list too long\""}},
			product: "refuses it: the task's limit is known, and the Engine's default where that has one",
		},
	}
}

// smallMemory is the HostConfig of a container with 32 MiB.
var smallMemory = object{"Memory": 32 << 20, "MemorySwap": 32 << 20}

// eaten starts a container in which a child is killed for memory, and waits until the Engine knows. The first process goes on until
// release, then runs the command.
func (e *engine) eaten(t *testing.T, command string) (id string, since time.Time) {
	t.Helper()
	since = time.Now()
	id = e.started(t, object{"Cmd": []string{"sh", "-c", "tail -c 200m /dev/zero >/dev/null; until [ -e /release ]; do sleep 0.1; done; " + command}, "HostConfig": smallMemory})
	e.eventsUntil(t, "oom", id, since)
	return id, since
}

// release lets the first process of eaten go on.
func release(t *testing.T, e *engine, id string) {
	t.Helper()
	if a := e.put(t, id, "/", "release"); a.status != http.StatusOK {
		t.Fatalf("copy: %v", a)
	}
}

// outOfMemory tells how the Engine says that such a container ended, and of which events.
func (e *engine) outOfMemory(t *testing.T, command string, end func(*testing.T, *engine, string)) string {
	t.Helper()
	id, since := e.eaten(t, command)
	end(t, e, id)
	e.wait(t, id)
	a := e.inspect(t, id)
	return fmt.Sprintf("ExitCode %s, OOMKilled %s; %s", a.at("State.ExitCode"), a.at("State.OOMKilled"), e.eventsUntil(t, "die", id, since))
}

// withArgument starts a program with an argument of so many bytes.
func (e *engine) withArgument(t *testing.T, size int) string {
	t.Helper()
	return e.startedWith(t, e.must(t, object{"Cmd": []string{"true", strings.Repeat("x", size)}}))
}

// startedWith starts a container and tells what came of it.
func (e *engine) startedWith(t *testing.T, id string) string {
	t.Helper()
	a := e.ask(t, "POST", "/containers/"+id+"/start", nil)
	if a.status == 204 {
		e.wait(t, id)
	}
	inspected := e.inspect(t, id)
	return fmt.Sprintf("%v, ExitCode %s, Error %s, output %q", a, inspected.at("State.ExitCode"), inspected.at("State.Error"), e.output(t, id))
}
