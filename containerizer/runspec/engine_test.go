package runspec_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

const engineTimeout = time.Minute

// created is a container on the real Engine.
type created struct {
	engine  *client.Client
	inspect container.InspectResponse
	sandbox string
}

// engineTask is a task on the test image with a sandbox and a name of its own.
func engineTask(t *testing.T, docker, containerInfo, task string) runspec.Task {
	t.Helper()
	info := infoOf(t, dockerTask(docker, containerInfo, task))
	info.Container.Docker.Image = environment.Busybox(t)
	name := fmt.Sprintf("runspec-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	return runspec.Task{Info: info, Name: name, SandboxDirectory: t.TempDir(), MappedDirectory: testMapped}
}

// create creates what a task translates to, and takes it away when the test ends.
func create(t *testing.T, task runspec.Task, o runspec.Options) *created {
	t.Helper()
	engine := environment.Engine(t)
	o.Parameters = parameters.NewSubprocess()
	ctx, cancel := context.WithTimeout(t.Context(), engineTimeout)
	t.Cleanup(cancel)
	spec, err := runspec.Translate(ctx, task, o)
	if err != nil {
		t.Fatalf("Translate: %v", err)
	}
	if err := spec.PrepareHost(t.Context()); err != nil {
		t.Fatalf("PrepareHost: %v", err)
	}
	spec.Config.Labels[testimage.Label] = "runspec"
	response, err := engine.ContainerCreate(ctx, spec.Config, spec.HostConfig, spec.Networking, spec.Platform, spec.Name)
	if err != nil {
		t.Fatalf("the Engine refuses: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), engineTimeout)
		defer cancel()
		if err := engine.ContainerRemove(ctx, response.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			t.Errorf("removing the container: %v", err)
		}
	})
	archive, err := spec.FilesArchive()
	if err != nil {
		t.Fatal(err)
	}
	if archive != nil {
		if err := engine.CopyToContainer(ctx, response.ID, "/", archive, container.CopyToContainerOptions{}); err != nil {
			t.Fatalf("copying files: %v", err)
		}
	}
	inspect, err := engine.ContainerInspect(ctx, response.ID)
	if err != nil {
		t.Fatal(err)
	}
	return &created{engine: engine, inspect: inspect, sandbox: task.SandboxDirectory}
}

// run starts the container and returns what it wrote, once it has ended well.
func (c *created) run(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), engineTimeout)
	defer cancel()
	waiting, failed := c.engine.ContainerWait(ctx, c.inspect.ID, container.WaitConditionNextExit)
	if err := c.engine.ContainerStart(ctx, c.inspect.ID, container.StartOptions{}); err != nil {
		t.Fatalf("starting: %v", err)
	}
	var status int64
	select {
	case result := <-waiting:
		status = result.StatusCode
	case err := <-failed:
		t.Fatalf("waiting: %v", err)
	}
	logs, err := c.engine.ContainerLogs(ctx, c.inspect.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var output bytes.Buffer
	if c.inspect.Config.Tty {
		_, err = output.ReadFrom(logs)
	} else {
		_, err = stdcopy.StdCopy(&output, &output, logs)
	}
	if err != nil {
		t.Fatal(err)
	}
	if status != 0 {
		t.Errorf("exit status %d, output:\n%s", status, &output)
	}
	return output.String()
}

// freePort is a port nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// shell is the JSON of a command that runs a script under the shell.
func shell(script string) string { return fmt.Sprintf(`, "command": {"value": %q}`, script) }

// TestEngineSeesWhatIsAsked compares inspect with the task.
func TestEngineSeesWhatIsAsked(t *testing.T) {
	port := freePort(t)
	resources := fmt.Sprintf(`, "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}},
		{"name": "mem", "type": "SCALAR", "scalar": {"value": 64}},
		{"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": %d, "end": %d}]}}]`, port, port)
	docker := fmt.Sprintf(`, "network": "BRIDGE", "port_mappings": [{"host_port": %d, "container_port": 80, "protocol": "tcp"}],
		"parameters": [{"key": "label", "value": "MESOS_TASK_ID=t"}]`, port)
	task := engineTask(t, docker, `, "hostname": "web", "rlimit_info": {"rlimits": [{"type": "RLMT_NOFILE", "soft": 10, "hard": 20}]},
		"linux_info": {"effective_capabilities": {"capabilities": ["NET_RAW"]}}`, shell("true")+resources)
	inspect := create(t, task, runspec.Options{CgroupsEnableCFS: true, LogDriver: "local", LogOpts: map[string]string{"max-size": "1m"}}).inspect
	host := inspect.HostConfig
	got := map[string]any{
		"name": inspect.Name, "hostname": inspect.Config.Hostname, "entrypoint": []string(inspect.Config.Entrypoint), "cmd": []string(inspect.Config.Cmd),
		"label": inspect.Config.Labels["MESOS_TASK_ID"], "network": string(host.NetworkMode), "shares": host.CPUShares, "quota": host.CPUQuota,
		"memory": host.Memory, "binds": host.Binds, "host port": host.PortBindings["80/tcp"][0].HostPort, "log": host.LogConfig.Type,
		"ulimit": *host.Ulimits[0], "capabilities": fmt.Sprint(host.CapDrop, host.CapAdd), "restart": string(host.RestartPolicy.Name),
		"auto remove": host.AutoRemove, "stdout": inspect.Config.AttachStdout, "stdin": inspect.Config.AttachStdin,
	}
	want := map[string]any{
		"name": "/" + task.Name, "hostname": "web", "entrypoint": []string{"/bin/sh"}, "cmd": []string{"-c", "true"},
		"label": "t", "network": "bridge", "shares": int64(512), "quota": int64(50000),
		"memory": int64(64 << 20), "binds": []string{task.SandboxDirectory + ":" + testMapped}, "host port": fmt.Sprint(port), "log": "local",
		"ulimit": container.Ulimit{Name: "nofile", Soft: 10, Hard: 20}, "capabilities": "[ALL] [CAP_NET_RAW]", "restart": "no",
		"auto remove": false, "stdout": true, "stdin": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inspect (-want +got):\n%s", diff)
	}
}

// sights are tasks and what they write about what they see. Empty texts are filled in by the test.
var sights = []struct {
	name, docker, container, task string
	want                          string
}{
	{"arguments without shell", "", "", `, "command": {"shell": false, "value": "echo", "arguments": ["a b", "$HOME", ""]}`, "a b $HOME \n"},
	{"environment", "", "", shell(`printf '%s|' "$A" "$MESOS_SANDBOX" "$MESOS_CONTAINER_NAME" "${MESOS_ALLOCATION_ROLE-unset}"`), ""},
	{"volumes", "", "", shell(`cat /colon/file /mnt/mesos/sandbox/relative/file /run/secret; touch /colon/x 2>/dev/null && echo written;
		touch /new/x /data/x /mnt/mesos/sandbox/x && echo ok`), "behind a colonbehind a colonhushok\n"},
	{"host network", "", "", shell("readlink /proc/self/ns/net"), ""},
	{"no network", `, "network": "NONE"`, "", shell("ls /sys/class/net"), "lo\n"},
	{"a limit", "", `, "rlimit_info": {"rlimits": [{"type": "RLMT_NOFILE", "soft": 61, "hard": 70}]}`, shell("ulimit -n"), "61\n"},
	{"no capabilities", "", `, "linux_info": {"effective_capabilities": {"capabilities": ["KILL"]}}`,
		shell("grep CapEff /proc/self/status | cut -f2"), "0000000000000020\n"},
	{"a terminal", "", `, "tty_info": {}`, shell("test -t 1 && echo terminal"), "terminal\r\n"},
	{"no input", `, "parameters": [{"key": "interactive", "value": "true"}]`, "", shell("cat; echo end"), "end\n"},
	{"parameters", `, "network": "BRIDGE", "parameters": [{"key": "hostname", "value": "h"}, {"key": "env", "value": "A=two\nlines"},
		{"key": "tmpfs", "value": "/t"}, {"key": "workdir", "value": "/t"}, {"key": "volume", "value": "./v:/v"}]`, "",
		shell(`hostname; echo "$A"; pwd; ls -d /v`), "h\ntwo\nlines\n/t\n/v\n"},
	{"another network by parameter", `, "parameters": [{"key": "net", "value": "none"}]`, "", shell("ls /sys/class/net"), "lo\n"},
}

// TestContainerSeesWhatIsAsked asks the process in the container.
func TestContainerSeesWhatIsAsked(t *testing.T) {
	host := t.TempDir()
	colon := filepath.Join(host, "a:b")
	if err := os.Mkdir(colon, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(colon, "file"), []byte("behind a colon"), 0o644); err != nil {
		t.Fatal(err)
	}
	volumes := fmt.Sprintf(`, "volumes": [
		{"host_path": %q, "container_path": "/colon", "mode": "RO"},
		{"host_path": %q, "container_path": "/new", "mode": "RW"},
		{"host_path": %q, "container_path": "relative", "mode": "RO"},
		{"host_path": "data/deep", "container_path": "/data", "mode": "RW"},
		{"source": {"type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "aHVzaA=="}}}, "container_path": "/run/secret", "mode": "RO"}]`,
		colon, filepath.Join(host, "c:d"), colon)
	for _, test := range sights {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "volumes" {
				test.container = volumes
			}
			task := engineTask(t, test.docker, test.container, test.task)
			switch test.name {
			case "environment":
				value := "two\nlines=x"
				task.Environment = map[string]string{"A": value}
				test.want = strings.Join([]string{value, testMapped, task.Name, "", ""}, "|")
			case "host network":
				namespace, err := os.Readlink("/proc/1/ns/net")
				if err != nil {
					t.Skip("NOT TESTED, the host's network namespace is not known:", err)
				}
				test.want = namespace + "\n"
			}
			c := create(t, task, runspec.Options{CopiesFiles: true})
			if diff := cmp.Diff(test.want, c.run(t)); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if test.name == "volumes" {
				for _, file := range []string{filepath.Join(host, "c:d", "x"), filepath.Join(c.sandbox, "data", "deep", "x"), filepath.Join(c.sandbox, "x")} {
					if _, err := os.Stat(file); err != nil {
						t.Errorf("what the task wrote is missing: %v", err)
					}
				}
			}
		})
	}
}
