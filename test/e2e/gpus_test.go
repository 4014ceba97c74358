package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/versions"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/test/environment"
)

// numberOfGPUs is how many devices the host of these tests has.
const numberOfGPUs = 4

// cdiDevices writes a CDI specification of devices that bring a variable, a mount and a device node. Each has two names, and there
// is one for all of them.
func cdiDevices(t *testing.T) (directory string) {
	t.Helper()
	directory = shortDirectory(t)
	var devices, all []string
	for i, minor := range []uint32{3, 5, 7, 8} { // null, zero, full, random: any number would do, if each has its own
		node := filepath.Join(directory, fmt.Sprint("node", i))
		if err := unix.Mknod(node, unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))); err != nil {
			t.Fatal(err)
		}
		mounted := filepath.Join(directory, fmt.Sprint("mount", i))
		if err := os.Mkdir(mounted, 0o755); err != nil {
			t.Fatal(err)
		}
		edits := fmt.Sprintf(`"deviceNodes":[{"path":"/dev/gpu%[1]d","hostPath":%[2]q}]`, i, node)
		all = append(all, fmt.Sprintf(`{"path":"/dev/gpu%d","hostPath":%q}`, i, node))
		for _, name := range []string{fmt.Sprint(i), fmt.Sprint("GPU-", i)} {
			devices = append(devices, fmt.Sprintf(`{"name":%q,"containerEdits":{"env":["GPU_%d=yes"],%s,"mounts":[{"hostPath":%q,"containerPath":"/gpu/%d","options":["bind","rw"]}]}}`,
				name, i, edits, mounted, i))
		}
	}
	devices = append(devices, fmt.Sprintf(`{"name":"all","containerEdits":{"deviceNodes":[%s]}}`, strings.Join(all, ",")))
	spec := `{"cdiVersion":"0.6.0","kind":"test.example/gpu","devices":[` + strings.Join(devices, ",") + `]}`
	if err := os.WriteFile(directory+"/test.json", []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	return directory
}

// withGPUs is a shell command that notes in the log of each of the task's devices when it begins and ends. It fails if the variable or
// the node of one is missing, or if there is another number of them.
func withGPUs(number int, name, while string) string {
	return fmt.Sprintf(`n=0; for d in /gpu/*; do i=${d#/gpu/}; echo "begin %[1]s" >>$d/log; [ -c /dev/gpu$i ] || exit 91; `+
		`eval "[ \$GPU_$i = yes ]" || exit 92; n=$((n+1)); done; [ $n = %[2]d ] || exit 93; %[3]s; for d in /gpu/*; do echo "end %[1]s" >>$d/log; done`, name, number, while)
}

// checkLogs finds tasks that began on a device before the one before them had ended. Those that the Engine has killed had no time to say so.
func checkLogs(t *testing.T, directory string, killed map[string]bool) {
	t.Helper()
	began := 0
	for i := range numberOfGPUs {
		log, err := os.ReadFile(filepath.Join(directory, fmt.Sprint("mount", i), "log"))
		if err != nil {
			t.Error(err)
		}
		holder := ""
		for line := range strings.Lines(string(log)) {
			what, name, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch {
			case what == "begin" && (holder == "" || killed[holder]):
				holder = name
				began++
			case what == "end" && name == holder:
				holder = ""
			default:
				t.Errorf("device %d: %s of %s while %q has it, in\n%s", i, what, name, holder, log)
			}
		}
	}
	t.Logf("%d tasks began on %d devices, one after the other on each", began, numberOfGPUs)
}

// gpuTask is a task that asks for GPUs by the resource, and by docker parameters.
func gpuTask(t *testing.T, line string, number float64, parameters ...string) mesos.TaskInfo {
	t.Helper()
	info := shell(t, line)
	if number > 0 {
		info.Resources = append(info.Resources, scalar("gpus", number))
	}
	parameter(&info, parameters...)
	return info
}

// Tasks that come and go get devices of their own, while daemon and Engine are stopped, killed and started again: never one device twice,
// never one lost. The devices are CDI's.
func TestGPUsByName(t *testing.T) {
	docker := environment.Engine(t)
	if version, err := docker.ServerVersion(t.Context()); err != nil || versions.LessThan(version.APIVersion, "1.50") {
		t.Skipf("NOT TESTED, this Engine does not list CDI devices: %s, %v", version.Version, err)
	}
	devices := cdiDevices(t)
	r := &restartable{directory: shortDirectory(t), flags: []string{"--cdi-spec-dir", devices}, programs: os.Getenv("ENGINE_PROGRAMS")}
	r.begin(t)
	h := newHost(t)
	t.Run("asked for in every way", func(t *testing.T) { gpusInEveryWay(t, h) })
	t.Run("40 tasks", func(t *testing.T) {
		const tasksOfEach, mostRestarts = 10, 6
		var mu sync.Mutex
		killed := map[string]bool{} // by the Engine; guarded by mu
		ended := make(chan struct{}, numberOfGPUs)
		var engineRestarts atomic.Int32
		var engineThere sync.RWMutex // Engines say 255 of a container that ends while they are away
		for i := range numberOfGPUs {
			t.Run(fmt.Sprint("worker ", i), func(t *testing.T) {
				var tasks []mesos.TaskInfo // now, while the Engine is there to have their image
				name := func(task int) string { return fmt.Sprintf("task-%d-of-%d", task, i) }
				for j := range tasksOfEach {
					tasks = append(tasks, gpuTask(t, withGPUs(1, name(j), `until [ -e "$MESOS_SANDBOX/end" ]; do sleep 0.03; done`), 1))
				}
				t.Parallel()
				defer func() { ended <- struct{}{} }()
				for j, info := range tasks {
					before := engineRestarts.Load()
					k := h.launch(t, info)
					for status := range k.Updates(patiently(t)) {
						if status.GetState() == mesos.TASK_RUNNING {
							break
						}
					}
					engineThere.RLock()
					if err := os.WriteFile(filepath.Join(k.Sandbox, "end"), nil, 0o600); err != nil {
						t.Error(err)
					}
					status, err := k.Wait(patiently(t)) // the next begins at once, when this container may not be removed yet
					engineThere.RUnlock()
					complains := strings.Contains(status.GetMessage(), "exited with status 9") // what withGPUs ends with
					switch {
					case err == nil && status.GetState() == mesos.TASK_FINISHED:
					case err == nil && !complains && engineRestarts.Load() != before:
						// On a loaded machine the Engine does not find all of its containers again, and kills those. One over whose
						// start the Engine was lost is not started again.
						mu.Lock()
						killed[name(j)] = true
						mu.Unlock()
					default:
						t.Errorf("%v: %s", err, story(k.updates(t)))
					}
				}
			})
		}
		t.Run("restarts", func(t *testing.T) {
			t.Parallel()
			restarts := 0
			for left := numberOfGPUs; left > 0; {
				var again <-chan time.Time
				if restarts < mostRestarts {
					again = time.After(2 * time.Second) // what is tested is that they fall anywhere
				}
				select {
				case <-ended:
					left--
					continue
				case <-again:
				}
				restarts++
				switch restarts % 3 {
				case 0:
					h.stopDaemon(t)
					h.start(t)
				case 1:
					engineThere.Lock()
					engineRestarts.Add(1)
					r.end(t, syscall.SIGKILL)
					r.start(t)
					engineThere.Unlock()
				case 2:
					engineThere.Lock()
					engineRestarts.Add(1)
					h.stopDaemon(t)
					r.end(t, syscall.SIGTERM)
					r.start(t)
					h.start(t)
					engineThere.Unlock()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if restarts < 3 || len(killed) > numberOfGPUs*tasksOfEach/2 {
				t.Errorf("%d restarts, and the Engine has killed %d tasks: that shows little", restarts, len(killed))
			}
			t.Logf("%d restarts; the Engine has killed %d tasks", restarts, len(killed))
			checkLogs(t, devices, killed)
		})
	})
	t.Run("none is lost", func(t *testing.T) {
		h.launch(t, gpuTask(t, withGPUs(numberOfGPUs, "last", "true"), numberOfGPUs)).finish(t)
	})
}

// gpusInEveryWay asks for devices by number, by name, by path, and finds those of others taken.
func gpusInEveryWay(t *testing.T, h *host) {
	const hold = "sleep 1000"
	refused := func(info mesos.TaskInfo, words ...string) {
		t.Helper()
		_, status := h.run(t, info)
		wantMessage(t, status, mesos.TASK_FAILED, words...)
	}
	named := h.launch(t, gpuTask(t, hold, 0, "device=test.example/gpu=1"))
	running := named.await(t, mesos.TASK_RUNNING)
	wantMessage(t, running, mesos.TASK_RUNNING, "GPUs: test.example/gpu=GPU-1")
	if label := inspected(t, running).Config.Labels["mesos-docker-containerizer.devices"]; !strings.Contains(label, `"test.example/gpu=GPU-1"`) || !strings.Contains(label, "node1") {
		t.Errorf("label %s", label)
	}
	holder := "is held by task " + named.ID
	refused(gpuTask(t, "true", 0, "device=test.example/gpu=GPU-1"), "test.example/gpu=GPU-1 "+holder)
	refused(gpuTask(t, "true", 0, `gpus="device=1"`), holder)
	refused(gpuTask(t, "true", 0, "gpus=all"), "asks for all GPUs, and 3 of 4 are free", holder)
	refused(gpuTask(t, "true", 4), "asks for 4 GPUs, and 3 of 4 are free", holder)
	refused(gpuTask(t, "true", 5), "asks for 5 GPUs, and this host has test.example/gpu=GPU-0, ")
	refused(gpuTask(t, "true", 0, "device=test.example/gpu=7"), "does not have test.example/gpu=7")
	h.launch(t, gpuTask(t, withGPUs(3, "three", "true"), 1, "gpus=3")).finish(t)

	created, err := h.docker.ContainerCreate(t.Context(), &container.Config{Image: environment.Busybox(t)}, &container.HostConfig{
		Resources: container.Resources{DeviceRequests: []container.DeviceRequest{{Driver: "cdi", DeviceIDs: []string{"test.example/gpu=2"}}}},
	}, nil, nil, "somebodys")
	if err != nil {
		t.Fatal(err)
	}
	refused(gpuTask(t, "true", 3), "asks for 3 GPUs, and 2 of 4 are free", "test.example/gpu=GPU-2 is held by container somebodys, which is not this daemon's")
	if err := h.docker.ContainerRemove(t.Context(), created.ID, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	named.kill(t)
	h.launch(t, gpuTask(t, "true", 0, "device=test.example/gpu=all")).finish(t)
}
