package engine

import (
	"net/http"
	"testing"
)

// What Engines with and without GPUs say of themselves.
func TestInfoTellsOfGPUs(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       bool
	}{
		{"plain", `{"Runtimes":{"runc":{"path":"runc"},"io.containerd.runc.v2":{"path":"runc"}}}`, false},
		{"NVIDIA's runtime", `{"Runtimes":{"runc":{"path":"runc"},"nvidia":{"path":"nvidia-container-runtime","runtimeArgs":[]}}}`, true},
		{"NVIDIA's runtime in CDI mode", `{"Runtimes":{"runc":{"path":"runc"},"nvidia-cdi":{"path":"/usr/bin/nvidia-container-runtime.cdi"}}}`, true},
		{"CDI devices", `{"Runtimes":{"runc":{}},"CDISpecDirs":["/etc/cdi"],"DiscoveredDevices":[{"Source":"cdi","ID":"nvidia.com/gpu=0"}]}`, true},
		{"CDI devices of another kind", `{"CDISpecDirs":["/etc/cdi"],"DiscoveredDevices":[{"Source":"cdi","ID":"vendor.com/net=gpu"}]}`, false},
		{"a directory alone", `{"CDISpecDirs":["/etc/cdi","/var/run/cdi"]}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, newDouble(t, "", engineOf("1.50", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(tt.body))
			})).socket)
			info, err := c.Info(t.Context())
			if info.APIVersion != "1.50" {
				t.Errorf("API version %q", info.APIVersion)
			}
			if err != nil || info.GPUs != tt.want {
				t.Errorf("GPUs %v, want %v; %v", info.GPUs, tt.want, err)
			}
		})
	}
}
