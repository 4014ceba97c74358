package differential

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

var (
	tasksFlag  = flag.Int("tasks", 40, "how many tasks to generate")
	dockerFlag = flag.String("docker", "/usr/bin/docker", "the docker command; the first in PATH if it is not there")
)

// workers compare tasks at the same time.
const workers = 4

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == parameters.Subcommand {
		os.Exit(parameters.ParseMain(os.Stdin, os.Stdout))
	}
	flag.Parse()
	if err := flag.Set("rapid.checks", fmt.Sprint((*tasksFlag+workers-1)/workers)); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// plainTask is a task that says as little as possible.
func plainTask() assignment {
	a := assignment{hostMemory: 8 << 30}
	a.SandboxDirectory, a.MappedDirectory = "{directory}/sandbox", "/mnt/mesos/sandbox"
	a.Info = mesos.TaskInfo{Name: "differential", TaskID: mesos.TaskID{Value: "t"}, AgentID: mesos.AgentID{Value: "a"}}
	a.Info.Command = &mesos.CommandInfo{Value: pointer("true")}
	a.Info.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: &mesos.ContainerInfo_DockerInfo{Image: "{image}"}}
	return a
}

// TestGeneratedTasks holds both sides equal for whatever a framework may send.
func TestGeneratedTasks(t *testing.T) {
	b := newBench(t)
	var compared, accepted atomic.Int64
	var vague sync.Map
	t.Run("workers", func(t *testing.T) {
		for range workers {
			t.Run("worker", func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(r *rapid.T) {
					a := drawAssignment(r, b.known)
					v := b.compare(t, a, "")
					if v.problem != "" {
						r.Fatalf("%s\n%s", v.problem, describe(b, a))
					}
					compared.Add(1)
					if !v.arrested {
						accepted.Add(1)
					}
					if v.ours.byEngine && !b.causeIsNamed(a, v) {
						vague.Store(v.ours.refusal.Error(), true)
					}
				})
			})
		}
	})
	t.Logf("%d tasks compared, %d of them accepted", compared.Load(), accepted.Load())
	if accepted.Load() < compared.Load()/6 && !t.Failed() {
		t.Error("most tasks were refused, so that little was compared")
	}
	vague.Range(func(text, _ any) bool {
		t.Errorf("the Engine refuses without naming a field or value of the task: %s", text)
		return true
	})
}

// causeIsNamed judges a refusal by the Engine. What the task says is in stock's arguments.
func (b *bench) causeIsNamed(a assignment, v verdict) bool {
	a = b.place(a)
	takeOver(&a)
	line, err := stock(a)
	return err != nil || namesCause(v.ours.refusal, line)
}

// describe shows a task to the person who has to find out.
func describe(b *bench, a assignment) string {
	info := clone(a).Info
	info.Limits = nil // JSON has no infinity
	text, err := json.Marshal(info)
	if err != nil {
		return fmt.Sprint(err, a.Info)
	}
	placed := b.place(a)
	takeOver(&placed)
	line, err := stock(placed)
	return fmt.Sprintf("TaskInfo %s, limits %v\nas arguments, without what the table adds: %q, %v", text, a.Info.Limits, line, err)
}

// TestEachOption tries every value of every option alone.
func TestEachOption(t *testing.T) {
	b := newBench(t)
	type attempt struct{ option, value string }
	attempts := make(chan attempt)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for try := range attempts {
				a := plainTask()
				a.Info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_BRIDGE.Enum()
				withParameter(try.option, try.value)(&a)
				v := b.compare(t, a, "")
				if v.problem != "" {
					t.Errorf("--%s=%s: %s", try.option, try.value, v.problem)
				}
				if v.ours.byEngine && !b.causeIsNamed(a, v) {
					t.Errorf("--%s=%s: the Engine refuses without naming either: %v", try.option, try.value, v.ours.refusal)
				}
			}
		})
	}
	for _, name := range b.known {
		for i, value := range slices.Concat(options[name].usual, options[name].odd) {
			if i > 0 && *tasksFlag < 100 {
				break // one value each has to do where there is little time
			}
			attempts <- attempt{name, value}
		}
	}
	close(attempts)
	group.Wait()
}

// TestEachDifference proves of every row of the table that there is such a difference, and that the row covers it.
func TestEachDifference(t *testing.T) {
	b := newBench(t)
	seen := map[string]bool{}
	for _, d := range differences {
		if seen[d.name] || d.reason == "" || d.field == "" {
			t.Errorf("row %q has no reason or no field, or there are two", d.name)
		}
		seen[d.name] = true
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			a := plainTask()
			d.example(&a)
			with, without := b.compare(t, a, ""), b.compare(t, a, d.name)
			if d.where != nil && !d.where(b) && with.problem == "" && without.problem == "" {
				t.Skip("NOT TESTED, the docker command and the Engine here do not differ")
			}
			if with.problem != "" || !slices.Contains(with.rows, d.name) {
				t.Errorf("the row is not used for its example, but %v; %s", with.rows, with.problem)
			}
			if without.problem == "" {
				t.Error("both sides agree on its example without it: the row can go")
			}
		})
	}
}

// contractErrors are the texts that contract 2 lists, for which frameworks may look.
var contractErrors = []struct {
	text string
	make func(*assignment)
}{
	{"No docker info found in container info", func(a *assignment) { a.Info.Container.Docker = nil }},
	{"Both host_path 'a' and container_path 'b' of a volume are relative", func(a *assignment) {
		addVolume(a, mesos.Volume{HostPath: pointer("a"), ContainerPath: "b", Mode: mesos.RW.Enum()})
	}},
	{"Only one volume driver is supported", func(a *assignment) {
		addVolume(a, driverVolume("rexray"))
		addVolume(a, driverVolume("flocker"))
	}},
	{"Only one volume driver per task is supported", func(a *assignment) {
		addVolume(a, driverVolume("rexray"))
		a.Info.Container.Docker.VolumeDriver = pointer("flocker")
	}},
	{"Host path or volume source is required", func(a *assignment) {
		addVolume(a, mesos.Volume{ContainerPath: "/b", Mode: mesos.RW.Enum()})
	}},
	{"No network info found in container info", func(a *assignment) { onUserNetworks(a) }},
	{"Only a single network can be defined in Docker run", func(a *assignment) { onUserNetworks(a, pointer("a"), pointer("b")) }},
	{"No network name found in network info", func(a *assignment) { onUserNetworks(a, nil) }},
	{"Unable to set hostname with host network mode", func(a *assignment) { a.Info.Container.Hostname = pointer("h") }},
	{"Port mappings are only supported for bridge and user-defined networks", func(a *assignment) {
		withPort(mesos.ContainerInfo_DockerInfo_PortMapping{HostPort: 31000, ContainerPort: 80})(a)
		a.Info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_NONE.Enum()
	}},
	{"Port mappings require resources", func(a *assignment) {
		withPort(mesos.ContainerInfo_DockerInfo_PortMapping{HostPort: 31000, ContainerPort: 80})(a)
		a.Info.Resources = nil
	}},
	{"Port mappings require port resources", func(a *assignment) {
		withPort(mesos.ContainerInfo_DockerInfo_PortMapping{HostPort: 31000, ContainerPort: 80})(a)
		a.Info.Resources = nil
		addScalar(a, "cpus", 1)
	}},
	{"Port [99] not included in resources", func(a *assignment) {
		withPort(mesos.ContainerInfo_DockerInfo_PortMapping{HostPort: 99, ContainerPort: 80})(a)
		a.Info.Resources[0].Ranges.Range[0].Begin = 100
	}},
	{"Shell specified but no command value provided", func(a *assignment) { a.Info.Command.Value = nil }},
}

func driverVolume(driver string) mesos.Volume {
	return mesos.Volume{ContainerPath: "/" + driver, Mode: mesos.RW.Enum(), Source: &mesos.Volume_Source{Type: mesos.Volume_Source_DOCKER_VOLUME,
		DockerVolume: &mesos.Volume_Source_DockerVolume{Name: "{volume}a", Driver: &driver}}}
}

func onUserNetworks(a *assignment, names ...*string) {
	a.Info.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_USER.Enum()
	for _, name := range names {
		a.Info.Container.NetworkInfos = append(a.Info.Container.NetworkInfos, mesos.NetworkInfo{Name: name})
	}
}

// TestContractErrors holds the listed texts to the letter, whatever else is wrong with the task.
func TestContractErrors(t *testing.T) {
	b := newBench(t)
	for _, test := range contractErrors {
		t.Run(test.text, func(t *testing.T) {
			a := plainTask()
			withParameter("lxc-conf", "x")(&a)
			test.make(&a)
			v := b.compare(t, a, "")
			var fault *runspec.Error
			if v.problem != "" || !errors.As(v.ours.refusal, &fault) || fault.Text != test.text {
				t.Errorf("refused with %v; %s", v.ours.refusal, v.problem)
			}
		})
	}
}

// TestMarathonExamples compares what Marathon makes of the apps in its documentation.
func TestMarathonExamples(t *testing.T) {
	b := newBench(t)
	files, err := filepath.Glob("../../config/marathon/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var example struct {
				TaskInfo mesos.TaskInfo `json:"taskinfo"`
			}
			if err := json.Unmarshal(data, &example); err != nil {
				t.Fatal(err)
			}
			a := plainTask()
			a.Info = example.TaskInfo
			if a.Info.Container == nil {
				t.Skip("this one is for another containerizer: it has no container")
			}
			a.Info.Container.Docker.Image = "{image}"
			for i := range a.Info.Container.NetworkInfos {
				a.Info.Container.NetworkInfos[i].Name = pointer("{net}")
			}
			if v := b.compare(t, a, ""); v.problem != "" {
				t.Errorf("%s\n%s", v.problem, describe(b, a))
			} else if v.arrested && !strings.Contains(string(data), "lxc-conf") {
				t.Errorf("refused: %v", v.ours.refusal)
			}
		})
	}
}

// TestOptionsAreComplete fails when an option could be a parameter and is not tried.
func TestOptionsAreComplete(t *testing.T) {
	rows := map[string]bool{}
	for _, d := range differences {
		rows[d.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if len(options[name].usual)+len(options[name].odd) == 0 {
			t.Errorf("option %s has no values", name)
		}
	}
	for _, name := range optionNames() {
		if _, tried := options[name]; !tried && !rows["parameter "+name] {
			t.Errorf("option %s is not tried", name)
		}
	}
}
