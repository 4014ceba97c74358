package runspec_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
)

// FuzzTranslate feeds TaskInfo bytes as they come over the wire: whatever they are, the result is a spec or the task's fault.
func FuzzTranslate(f *testing.F) {
	files, err := filepath.Glob("../../config/marathon/testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(marshal(f, infoOf(f, string(exampleTask(f, data)))), []byte(`{"command": {}}`))
	}
	f.Add(marshal(f, infoOf(f, dockerTask(`, "network": "USER"`, `, "network_infos": [{"name": "n"}], "hostname": "h", "tty_info": {},
		"rlimit_info": {"rlimits": [{"type": "RLMT_CPU"}]}, "linux_info": {"capability_info": {"capabilities": ["KILL"]}},
		"volumes": [{"source": {"type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "aA=="}}}, "container_path": "/b", "mode": "RO"},
			{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "v", "driver_options": {"parameter": [{"key": "k", "value": "v"}]}}},
			 "container_path": "/b", "mode": "RO"}]`, customExecutor))), []byte(`{"command": {"shell": false, "arguments": ["a"]}}`))
	f.Fuzz(func(t *testing.T, wire, data []byte) {
		var info mesos.TaskInfo
		if err := info.Unmarshal(wire); err != nil {
			return
		}
		if info.Command == nil && len(data) > 0 {
			info.Data = data
		}
		spec, err := runspec.Translate(t.Context(), taskOf(info), runspec.Options{
			Parameters: labelParser{}, CopiesFiles: true, HonorCommandUser: true, HostMemory: testHostMemory,
		})
		var fault *runspec.Error
		switch {
		case err != nil && !errors.As(err, &fault):
			t.Fatalf("error %v is nobody's fault", err)
		case err != nil:
			if fault.Field == "" || fault.Text == "" || len(fault.Error()) > 8192 {
				t.Errorf("error of %d bytes about field %q: %.100q", len(fault.Error()), fault.Field, fault.Text)
			}
			return
		}
		if _, err := json.Marshal(spec); err != nil {
			t.Errorf("the spec cannot be sent: %v", err)
		}
		for label := range spec.Config.Labels {
			if strings.HasPrefix(label, engine.LabelPrefix) {
				t.Errorf("label %q is ours", label)
			}
		}
		if spec.HostConfig.AutoRemove || !spec.HostConfig.RestartPolicy.IsNone() {
			t.Error("the container would remove or restart itself")
		}
	})
}

func marshal(t testing.TB, info mesos.TaskInfo) []byte {
	t.Helper()
	data, err := info.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// BenchmarkTranslate is what every task that Marathon starts pays.
func BenchmarkTranslate(b *testing.B) {
	data, err := os.ReadFile("../../config/marathon/testdata/02-bridge-dynamic.json")
	if err != nil {
		b.Fatal(err)
	}
	task := taskOf(infoOf(b, string(exampleTask(b, data))))
	for b.Loop() {
		if _, err := runspec.Translate(b.Context(), task, runspec.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
