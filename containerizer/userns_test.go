package containerizer

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
)

func TestSuitUserns(t *testing.T) {
	remapped := &engine.Userns{UID: 300000, GID: 300001}
	hostNetwork, privileged := container.HostConfig{NetworkMode: "host"}, container.HostConfig{NetworkMode: "bridge", Privileged: true}
	for name, test := range map[string]struct {
		userns        *engine.Userns
		sandbox, host bool // the flags
		given         container.HostConfig
		mode          os.FileMode // of the sandbox

		field, note, wantMode string
		group                 int
	}{
		"not remapped":               {nil, true, true, hostNetwork, 0o755, "", "", "", 0},
		"flags off":                  {remapped, false, false, container.HostConfig{}, 0o755, "", "is user 300000 of the host", "", 0},
		"writable by all":            {remapped, true, false, container.HostConfig{}, 0o777, "", "", "", 0},
		"sandbox":                    {remapped, true, false, container.HostConfig{}, 0o755, "", "", "", 300001},
		"the group is not told":      {&engine.Userns{UID: -1, GID: -1}, true, false, container.HostConfig{}, 0o755, "", "cannot write to the sandbox", "", 0},
		"root to root":               {&engine.Userns{}, false, false, container.HostConfig{}, 0o755, "", "", "", 0},
		"network, flag off":          {remapped, true, false, hostNetwork, 0o755, "container.docker.network", "", "", 0},
		"network, root to root":      {&engine.Userns{}, false, false, hostNetwork, 0o755, "container.docker.network", "", "", 0},
		"network":                    {remapped, true, true, hostNetwork, 0o755, "", "", "host", 0},
		"network, asked for by task": {remapped, true, false, container.HostConfig{NetworkMode: "host", UsernsMode: "host"}, 0o755, "", "", "host", 0},
		"processes, flag off":        {remapped, true, false, container.HostConfig{PidMode: "host"}, 0o755, "container.docker.parameters", "", "", 0},
		"processes":                  {remapped, true, true, container.HostConfig{PidMode: "host"}, 0o755, "", "", "host", 0},
		"privileged, flag off":       {remapped, true, false, privileged, 0o755, "container.docker.privileged", "", "", 0},
		"privileged":                 {remapped, true, true, privileged, 0o755, "", "", "host", 0},
		"needs nothing of the host":  {remapped, true, true, container.HostConfig{NetworkMode: "bridge", UTSMode: "host", IpcMode: "host"}, 0o755, "", "", "", 300001},
	} {
		sandbox := t.TempDir()
		if err := os.Chmod(sandbox, test.mode); err != nil {
			t.Fatal(err)
		}
		s := &session{server: &Server{options: Options{UsernsSandbox: test.sandbox, UsernsHost: test.host}}}
		spec := &runspec.Spec{SandboxDirectory: sandbox, HostConfig: &test.given}
		err := s.suitUserns(spec, test.userns)
		if fault := (*runspec.Error)(nil); errors.As(err, &fault) != (test.field != "") || fault != nil && (fault.Field != test.field || !strings.Contains(fault.Text, "userns_host")) {
			t.Errorf("%s: %v", name, err)
		}
		if (s.note == "") != (test.note == "") || !strings.Contains(s.note, test.note) || spec.SandboxGroup != test.group || string(spec.HostConfig.UsernsMode) != test.wantMode {
			t.Errorf("%s: note %q, group %d, mode %q", name, s.note, spec.SandboxGroup, spec.HostConfig.UsernsMode)
		}
	}
}
