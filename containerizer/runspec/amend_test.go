package runspec_test

import (
	"errors"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

// TestMACAddressOfOldEngines proves that an Engine that knows one address per container gets it as such: the client refuses to
// send it one for a network.
func TestMACAddressOfOldEngines(t *testing.T) {
	const address = "02:42:ac:11:00:99"
	for version, want := range map[string]string{"1.41": "", "1.43": "", "1.44": address, "": address} {
		info := infoOf(t, dockerTask(`, "network": "BRIDGE", "parameters": [{"key": "mac-address", "value": "`+address+`"}]`, "", shellCommand))
		spec, err := runspec.Translate(t.Context(), taskOf(info), runspec.Options{EngineAPI: version, Parameters: parameters.NewSubprocess()})
		if err != nil {
			t.Fatal(err)
		}
		//lint:ignore SA1019 the field is what Engines before API 1.44 look at
		if got := spec.Config.MacAddress; got != address {
			t.Errorf("API %q: the container's address is %q", version, got)
		}
		if got := spec.Networking.EndpointsConfig["bridge"].MacAddress; got != want {
			t.Errorf("API %q: the network's address is %q, want %q", version, got, want)
		}
	}
}

// TestOptionsOfNewerEngines proves that what an Engine would pass over in silence is refused.
func TestOptionsOfNewerEngines(t *testing.T) {
	tests := []struct{ key, value, last, first, part string }{
		{"annotation", "a=b", "1.42", "1.43", ""},
		{"health-start-interval", "5s", "1.43", "1.44", ""},
		{"cgroupns", "host", "1.40", "1.41", ""},
		{"gpus", "all", "1.39", "1.40", ""},
		{"platform", "linux/amd64", "1.40", "1.41", ""},
		{"mount", "type=volume,src=v,dst=/x,volume-subpath=s", "1.44", "1.45", " volume-subpath"},
		{"mount", "type=bind,src=/tmp,dst=/x,bind-create-src=true", "1.41", "1.42", " bind-create-src"},
		{"security-opt", "seccomp=builtin", "1.41", "1.42", " seccomp=builtin"},
		{"security-opt", "seccomp:builtin", "1.41", "1.42", " seccomp:builtin"},
		{"network", "name=x,gw-priority=7", "1.47", "1.48", " gw-priority"},
	}
	for _, test := range tests {
		t.Run(test.key+test.part, func(t *testing.T) {
			info := infoOf(t, dockerTask("", "", shellCommand))
			info.Container.Docker.Parameters = []mesos.Parameter{{Key: test.key, Value: test.value}}
			options := runspec.Options{EngineAPI: test.last, Parameters: parameters.NewSubprocess()}
			wantFault(t, taskOf(info), options,
				`"--`+test.key+test.part+`" requires API version `+test.first+`, but the Docker daemon API version is `+test.last,
				map[bool]string{true: `container.docker.parameters`, false: `container.docker.parameters[0], key "` + test.key + `"`}[test.key == "network"])
			for _, version := range []string{test.first, ""} {
				options.EngineAPI = version
				if _, err := runspec.Translate(t.Context(), taskOf(info), options); err != nil {
					t.Errorf("API %q: %v", version, err)
				}
			}
		})
	}
}

// TestStockComplainsFirst proves that of several mistakes the one is reported that stock reports: it sees to all but the
// parameters and the image's name, which it leaves to docker.
func TestStockComplainsFirst(t *testing.T) {
	info := infoOf(t, dockerTask(`, "parameters": [{"key": "lxc-conf", "value": "x"}]`, "", `, "command": {}`))
	info.Container.Docker.Image = "UPPER"
	wantFault(t, taskOf(info), runspec.Options{}, "Shell specified but no command value provided", "command")
	info.Command.Shell = new(bool)
	wantFault(t, taskOf(info), runspec.Options{}, "unknown flag: --lxc-conf", `container.docker.parameters[0], key "lxc-conf"`)
	info.Container.Docker.Parameters = nil
	_, err := runspec.Translate(t.Context(), taskOf(info), runspec.Options{})
	var fault *runspec.Error
	if !errors.As(err, &fault) || fault.Field != "container.docker.image" {
		t.Errorf("error %v, want one about the image", err)
	}
}
