package engine

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What Engines say of the devices and runtimes that they have.
func TestInfoTellsOfDevices(t *testing.T) {
	for _, tt := range []struct {
		name, api, body string
		want            Info
		nvidia          bool
	}{
		{"plain", "1.41", `{"Runtimes":{"runc":{"path":"runc"},"io.containerd.runc.v2":{"path":"runc"}},"DefaultRuntime":"runc"}`,
			Info{Runtimes: []string{"io.containerd.runc.v2", "runc"}, DefaultRuntime: "runc"}, false},
		{"NVIDIA's runtime", "1.49", `{"Runtimes":{"nvidia":{"path":"nvidia-container-runtime","runtimeArgs":[]}},"CDISpecDirs":["/etc/cdi"]}`,
			Info{Runtimes: []string{"nvidia"}, CDISpecDirs: []string{"/etc/cdi"}}, true},
		{"NVIDIA's runtime in CDI mode", "1.50", `{"Runtimes":{"nvidia-cdi":{"path":"/usr/bin/nvidia-container-runtime.cdi"}}}`,
			Info{Runtimes: []string{"nvidia-cdi"}, DevicesKnown: true}, true},
		{"CDI devices", "1.51", `{"CgroupDriver":"systemd","CDISpecDirs":["/etc/cdi"],"DiscoveredDevices":[{"Source":"cdi","ID":"nvidia.com/gpu=0"},{"Source":"other","ID":"nvidia.com/gpu=1"}]}`,
			Info{CgroupDriver: "systemd", CDISpecDirs: []string{"/etc/cdi"}, CDIDevices: []string{"nvidia.com/gpu=0"}, DevicesKnown: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, newDouble(t, "", engineOf(tt.api, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(tt.body))
			})).socket)
			info, err := c.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tt.want.APIVersion, tt.want.CgroupVersion = tt.api, 1
			info.Platform = tt.want.Platform
			if diff := cmp.Diff(tt.want, info); diff != "" {
				t.Error(diff)
			}
			if info.HasNVIDIARuntime() != tt.nvidia {
				t.Errorf("NVIDIA's runtime: %v", !tt.nvidia)
			}
		})
	}
}
