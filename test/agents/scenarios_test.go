package agents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// run is what scenarios have on one route.
type run struct {
	*cluster
	*framework
	docker   *client.Client
	image    string // with a shell
	registry string // host:port
	nextPort uint32
}

func (r *run) port() uint32 {
	r.nextPort++
	return 31000 + r.nextPort
}

// scenario is done on each route. It says what was seen; the error is what should have been.
type scenario struct {
	name string
	do   func(*run) (string, error)

	// known are the routes on which something else is to be expected, and why.
	known map[route]string
}

const (
	waits = "trap 'exit 0' TERM; sleep 100000 & wait"
	deaf  = "trap '' TERM; while :; do sleep 0.1; done"
)

var scenarios = []scenario{
	{name: "ends well", do: ends("exit 0", mesos.TASK_FINISHED, "")},
	{name: "ends with status 7", do: ends("exit 7", mesos.TASK_FAILED, "7")},
	{name: "image is absent, registry has none", do: func(r *run) (string, error) {
		return r.ends(r.task(r.registry+"/none:1", "exit 0"), mesos.TASK_FAILED, "none")
	}},
	{name: "image has an invalid name", do: func(r *run) (string, error) {
		return r.ends(r.task("Not/A/Name", "exit 0"), mesos.TASK_FAILED, "")
	}},
	{name: "image is absent, registry has it", do: func(r *run) (string, error) {
		tag := r.registry + "/absent:1"
		if err := r.pushed(tag, r.image); err != nil {
			return "", err
		}
		return r.ends(r.task(tag, "exit 0"), mesos.TASK_FINISHED, "")
	}},
	{name: "forced pull of a tag that was moved", do: movedTag},
	{name: "forced pull, registry is down", do: func(r *run) (string, error) {
		tag := "127.0.0.1:1/gone:1"
		if err := r.docker.ImageTag(context.Background(), r.image, tag); err != nil {
			return "", err
		}
		return r.ends(r.task(tag, "exit 0", forced), mesos.TASK_FAILED, "127.0.0.1:1")
	}},
	{name: "mapped port", do: mappedPort},
	{name: "host network", do: func(r *run) (string, error) {
		port := r.port()
		return r.serves(r.task(r.image, fmt.Sprintf("echo page >index.html; exec httpd -f -p %d", port)), port)
	}},
	{name: "volume of the host", do: volume},
	{name: "sandbox and output", do: sandboxAndOutput},
	{name: "kill", do: killed(waits, -1)},
	{name: "kill with a grace period of 1 s, task is deaf", do: killed(deaf, time.Second)},
	{name: "health check passes", do: func(r *run) (string, error) {
		task := r.task(r.image, waits, checked("true"))
		return r.started(task, func(u update) error {
			_, err := r.await("a healthy task", func() bool {
				for _, u := range r.heard[task.TaskID.Value] {
					if u.Healthy != nil && *u.Healthy {
						return true
					}
				}
				return false
			})
			return err
		})
	}},
	{name: "health check fails", do: func(r *run) (string, error) {
		return r.ends(r.task(r.image, waits, checked("false")), mesos.TASK_KILLED, "")
	}},
	{name: "agent restarts under a task", do: func(r *run) (string, error) {
		task := r.task(r.image, waits)
		return r.started(task, func(update) error { return r.restartAgent(func() error { return nil }) })
	}},
	{name: "task ends while the agent is down", do: endsWhileDown},
	{name: "executor is stopped past the re-registration", do: stoppedExecutor},
	{name: "executor is killed", do: killedExecutor},
	{name: "session in the container", do: inSession, known: map[route]string{
		custom: "the agent's sessions begin beside the executor, on the host (docs/custom-executor.md)",
	}},
	{name: "statistics count the container", do: statistics, known: map[route]string{
		custom: "the agent counts the executor, unless the container is below its control group, which takes the linux launcher",
	}},
	{name: "framework is torn down", do: tornDown},
}

// ends launches a task that ends by itself.
func (r *run) ends(task mesos.TaskInfo, state mesos.TaskState, word string) (string, error) {
	if _, err := r.launch(task); err != nil {
		return "", err
	}
	end, err := r.awaitEnd(task)
	seen := r.history(task)
	switch {
	case err != nil:
		return seen, err
	case end.GetState() != state:
		return seen, fmt.Errorf("want %s", state)
	case !strings.Contains(end.GetMessage(), word):
		return seen, fmt.Errorf("want %q in the message", word)
	}
	return seen, nil
}

func ends(line string, state mesos.TaskState, word string) func(*run) (string, error) {
	return func(r *run) (string, error) { return r.ends(r.task(r.image, line), state, word) }
}

// begin launches a task and waits until it runs.
func (r *run) begin(task mesos.TaskInfo) (update, error) {
	if _, err := r.launch(task); err != nil {
		return update{}, err
	}
	return r.awaitState(task, mesos.TASK_RUNNING)
}

// started launches a task that runs until it is killed, and does something while it runs.
func (r *run) started(task mesos.TaskInfo, meanwhile func(update) error) (string, error) {
	if _, err := r.launch(task); err != nil {
		return "", err
	}
	running, err := r.awaitState(task, mesos.TASK_RUNNING)
	if err == nil {
		err = meanwhile(running)
	}
	if _, lost := r.kill(task, -1); lost != nil {
		return r.history(task), errors.Join(err, lost)
	}
	end, ended := r.awaitEnd(task)
	if ended == nil && end.GetState() != mesos.TASK_KILLED {
		ended = errors.New("want TASK_KILLED")
	}
	return r.history(task), errors.Join(err, ended)
}

func killed(line string, grace time.Duration) func(*run) (string, error) {
	return func(r *run) (string, error) {
		task := r.task(r.image, line)
		return r.started(task, func(update) error {
			_, err := r.kill(task, grace)
			if err == nil {
				_, err = r.awaitState(task, mesos.TASK_KILLED)
			}
			return err
		})
	}
}

func forced(t *mesos.TaskInfo) { t.Container.Docker.ForcePullImage = new(true) }

// pushed puts an image into the registry under a tag, and takes the tag from the Engine.
func (r *run) pushed(tag, from string) error {
	ctx := context.Background()
	if err := r.docker.ImageTag(ctx, from, tag); err != nil {
		return err
	}
	body, err := r.docker.ImagePush(ctx, tag, image.PushOptions{RegistryAuth: "e30="})
	if err != nil {
		return err
	}
	defer body.Close()
	if text, err := io.ReadAll(body); err != nil || strings.Contains(string(text), `"error"`) {
		return fmt.Errorf("push %s: %s, %v", tag, text, err)
	}
	_, err = r.docker.ImageRemove(ctx, tag, image.RemoveOptions{})
	return err
}

// movedTag has a tag that is another image in the registry than on the host.
func movedTag(r *run) (string, error) {
	ctx, tag := context.Background(), r.registry+"/moved:1"
	made, err := r.docker.ContainerCreate(ctx, &container.Config{Image: r.image}, nil, nil, nil, "")
	if err != nil {
		return "", err
	}
	defer r.docker.ContainerRemove(ctx, made.ID, container.RemoveOptions{})
	newer, err := r.docker.ContainerCommit(ctx, made.ID, container.CommitOptions{Changes: []string{"ENV MOVED=yes"}})
	if err != nil {
		return "", err
	}
	if err := r.pushed(tag, newer.ID); err != nil {
		return "", err
	}
	if err := r.docker.ImageTag(ctx, r.image, tag); err != nil {
		return "", err
	}
	return r.ends(r.task(tag, `test "$MOVED" = yes`, forced), mesos.TASK_FINISHED, "")
}

// serves launches a task that has a page at a port of the host.
func (r *run) serves(task mesos.TaskInfo, port uint32) (string, error) {
	return r.started(task, func(update) error {
		url := fmt.Sprintf("http://127.0.0.1:%d/index.html", port)
		return until("the page at "+url, func() bool { return answers(url) })
	})
}

func mappedPort(r *run) (string, error) {
	port := r.port()
	return r.serves(r.task(r.image, "echo page >index.html; exec httpd -f -p 8080", bridged(port, 8080)), port)
}

func volume(r *run) (string, error) {
	directory, err := os.MkdirTemp(r.directory, "volume")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(directory, "file"), []byte("content"), 0o644); err != nil {
		return "", err
	}
	return r.ends(r.task(r.image, "test $(cat /mounted/file) = content && ! touch /mounted/other", func(t *mesos.TaskInfo) {
		t.Container.Volumes = []mesos.Volume{{HostPath: &directory, ContainerPath: "/mounted", Mode: mesos.RO.Enum()}}
	}), mesos.TASK_FINISHED, "")
}

func sandboxAndOutput(r *run) (string, error) {
	task := r.task(r.image, `echo kept >"$MESOS_SANDBOX/file"; echo out; echo err >&2`)
	seen, err := r.ends(task, mesos.TASK_FINISHED, "")
	if err != nil {
		return seen, err
	}
	directory, err := r.sandbox(r.framework, task)
	if err != nil {
		return seen, err
	}
	for name, want := range map[string]string{"file": "kept\n", "stdout": "out\n", "stderr": "err\n"} {
		text, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil || !strings.Contains(string(text), want) {
			return seen, fmt.Errorf("%s in the sandbox: %q, %v", name, text, err)
		}
	}
	return seen, nil
}

func endsWhileDown(r *run) (string, error) {
	task := r.task(r.image, `while ! test -e "$MESOS_SANDBOX/end"; do sleep 0.05; done; exit 5`)
	if _, err := r.begin(task); err != nil {
		return r.history(task), err
	}
	directory, err := r.sandbox(r.framework, task)
	if err != nil {
		return r.history(task), err
	}
	err = r.restartAgent(func() error {
		if err := os.WriteFile(filepath.Join(directory, "end"), nil, 0o644); err != nil {
			return err
		}
		return r.awaitGone(task)
	})
	if err != nil {
		return r.history(task), err
	}
	end, err := r.awaitEnd(task)
	if err == nil && (end.GetState() != mesos.TASK_FAILED || !strings.Contains(end.GetMessage(), "5")) {
		err = errors.New("want TASK_FAILED with status 5")
	}
	return r.history(task), err
}

// runs gives the running container of a task, which has its label or is named after the agent's id; false if there is none. Where the
// Engine does not say, there may be one.
func (r *run) runs(task mesos.TaskInfo) (found container.Summary, ok bool) {
	list, err := r.docker.ContainerList(context.Background(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("status", "running"))})
	if err != nil {
		return found, true
	}
	agents := "no id"
	for _, u := range r.heardOf(task) {
		if id := u.ContainerStatus.GetContainerID().GetValue(); id != "" {
			agents = id
		}
	}
	for _, c := range list {
		if taskOf(c.Labels) == task.TaskID.Value || strings.Contains(c.Names[0], agents) {
			return c, true
		}
	}
	return found, false
}

// taskOf reads a task's id from the labels that its container has, by the stock executor or by ours.
func taskOf(labels map[string]string) string {
	for key, value := range labels {
		if key == "MESOS_TASK_ID" || strings.HasSuffix(key, "containerizer.task") {
			return value
		}
	}
	return ""
}

// awaitGone waits until a task's container does not run any more.
func (r *run) awaitGone(task mesos.TaskInfo) error {
	return until("the container of "+task.TaskID.Value+" to stop", func() bool { _, ok := r.runs(task); return !ok })
}

// executors are the processes of a task's executor: those with its sandbox for their directory.
func (r *run) executors(task mesos.TaskInfo) ([]int, error) {
	directory, err := r.sandbox(r.framework, task)
	if err != nil {
		return nil, err
	}
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, link := range links {
		var pid int
		if at, err := os.Readlink(link); err == nil && at == directory {
			if _, err := fmt.Sscanf(link, "/proc/%d/cwd", &pid); err == nil {
				found = append(found, pid)
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no process in %s", directory)
	}
	return found, nil
}

// signal sends a signal to all of the processes that have not ended.
func signal(pids []int, s syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, s)
	}
}

// stoppedExecutor stops the executor until the agent, restarted, does not wait for it any more, and lets it go on then.
func stoppedExecutor(r *run) (string, error) {
	task := r.task(r.image, waits)
	if _, err := r.begin(task); err != nil {
		return r.history(task), err
	}
	pids, err := r.executors(task)
	if err != nil {
		return r.history(task), err
	}
	signal(pids, syscall.SIGSTOP)
	defer signal(pids, syscall.SIGCONT)
	if err := r.restartAgent(func() error { return nil }); err != nil {
		return r.history(task), err
	}
	began := time.Now()
	if _, err := r.awaitEnd(task); err != nil {
		return r.history(task), err
	}
	seen := fmt.Sprintf("%s (%.0f s after the agent answered)", r.history(task), time.Since(began).Seconds())
	signal(pids, syscall.SIGCONT)
	return seen, r.awaitGone(task)
}

func killedExecutor(r *run) (string, error) {
	task := r.task(r.image, waits)
	if _, err := r.begin(task); err != nil {
		return r.history(task), err
	}
	pids, err := r.executors(task)
	if err != nil {
		return r.history(task), err
	}
	signal(pids, syscall.SIGKILL)
	if _, err := r.awaitEnd(task); err != nil {
		return r.history(task), err
	}
	return r.history(task), r.awaitGone(task)
}

// inSession runs a command beside the task and waits for its status. That it is in the container shows by what only that has.
func inSession(r *run) (string, error) {
	task := r.task(r.image, "echo mark >/mark; "+waits)
	var said string
	seen, err := r.started(task, func(u update) error {
		id := session(u, "session-1")
		response, err := r.callAgent(context.Background(), launchSession(id, "cat /mark; exit 3"))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		stdout, stderr, err := readOutput(response.Body)
		if err != nil {
			return err
		}
		status, err := r.waitSession(context.Background(), id)
		if err == nil && (strings.TrimSpace(stdout) != "mark" || syscall.WaitStatus(status).ExitStatus() != 3) {
			err = fmt.Errorf("session: output %q, %q, status %#x", stdout, stderr, status)
		}
		said = ", session: " + strings.TrimSpace(stdout)
		return err
	})
	return seen + said, err
}

// statistics asks what the agent counts for a task that keeps 48 MB of memory, which no file stands behind: agents count that alone on
// version 1 of control groups.
func statistics(r *run) (string, error) {
	task := r.task(r.image, `kept=$(head -c 50331648 /dev/zero | tr '\0' x); `+waits, func(t *mesos.TaskInfo) { t.Resources[1] = scalar("mem", 512) })
	return r.started(task, func(update) error {
		return until("statistics of the container's memory", func() bool { return r.statisticsOf(task.TaskID.Value) >= 48<<20 })
	})
}

func tornDown(r *run) (string, error) {
	task := r.task(r.image, waits)
	if _, err := r.begin(task); err != nil {
		return r.history(task), err
	}
	seen := r.history(task)
	response, err := http.Post("http://"+r.cluster.master+"/master/teardown", "application/x-www-form-urlencoded", strings.NewReader("frameworkId="+r.framework.id))
	if err != nil {
		return seen, err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return seen, fmt.Errorf("teardown: %s", response.Status)
	}
	return seen + ", torn down", r.awaitGone(task)
}
