package localagent

import (
	"os"
	"path/filepath"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

func TestVolumesAreMadeInTheSandboxOnly(t *testing.T) {
	for path, made := range map[string]bool{"data": true, ".hidden": true, "a/b": false, "/data": false, "..": false, ".": false, "../x": false, "": false} {
		outside := t.TempDir()
		sandbox := filepath.Join(outside, "sandbox")
		if err := os.Mkdir(sandbox, sandboxMode); err != nil {
			t.Fatal(err)
		}
		volume := mesos.Resource{Name: "disk", Disk: &mesos.Resource_DiskInfo{
			Persistence: &mesos.Resource_DiskInfo_Persistence{ID: "v"},
			Volume:      &mesos.Volume{ContainerPath: path, Mode: mesos.RW.Enum()},
		}}
		plain := mesos.Resource{Name: "disk", Disk: &mesos.Resource_DiskInfo{Volume: &mesos.Volume{ContainerPath: "plain"}}}
		if err := makeVolumes(sandbox, mesos.TaskInfo{Resources: []mesos.Resource{volume, plain, {Name: "cpus"}}}, mesos.ExecutorInfo{}); err != nil {
			t.Errorf("%q: %v", path, err)
		}
		var names []string
		for _, directory := range []string{outside, sandbox} {
			entries, err := os.ReadDir(directory)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				names = append(names, e.Name())
			}
		}
		if got := len(names) == 2 && names[1] == path; got != made || !made && len(names) != 1 {
			t.Errorf("%q: there are %q", path, names)
		}
	}
}

func TestVolumeOfTheExecutor(t *testing.T) {
	sandbox := t.TempDir()
	volume := mesos.Resource{Name: "disk", Disk: &mesos.Resource_DiskInfo{
		Persistence: &mesos.Resource_DiskInfo_Persistence{ID: "v"}, Volume: &mesos.Volume{ContainerPath: "data"},
	}}
	if err := makeVolumes(sandbox, mesos.TaskInfo{}, mesos.ExecutorInfo{Resources: []mesos.Resource{volume}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(sandbox, "data")); err != nil || !info.IsDir() {
		t.Errorf("%v, %v", info, err)
	}
}
