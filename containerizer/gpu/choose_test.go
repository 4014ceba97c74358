package gpu

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
)

// asked is what a task's container would be created with.
type asked struct {
	env      []string
	host     container.HostConfig
	standard string // the Engine's default runtime
}

func requests(all ...container.DeviceRequest) container.HostConfig {
	return container.HostConfig{Resources: container.Resources{DeviceRequests: all}}
}

func number(n int) container.DeviceRequest {
	return container.DeviceRequest{Count: n, Capabilities: [][]string{{"gpu"}}}
}

func ids(driver string, all ...string) container.DeviceRequest {
	r := container.DeviceRequest{Driver: driver, DeviceIDs: all}
	if driver != "cdi" {
		r.Capabilities = [][]string{{"gpu", "compute"}}
	}
	return r
}

func paths(all ...string) container.HostConfig {
	var h container.HostConfig
	for _, p := range all {
		h.Devices = append(h.Devices, container.DeviceMapping{PathOnHost: p})
	}
	return h
}

// What comes of a wish: the devices that are held, and what is created; or the error.
func TestChoose(t *testing.T) {
	amd := inventory("amd.com/gpu=0 /dev/kfd /dev/r0", "amd.com/gpu=1 /dev/kfd /dev/r1", "amd.com/gpu=2 /dev/kfd /dev/r2", "amd.com/gpu=all /dev/kfd /dev/r0 /dev/r1 /dev/r2")
	amd.others = map[string]set{"vendor.example/net=a": {"/dev/r2": true}, "vendor.example/net=b": {"/dev/other": true}}
	driver := inventory("GPU-a 0 /dev/nvidia0", "GPU-b 1 /dev/nvidia1")
	mixed := inventory("amd.com/gpu=0 /dev/r0", "nvidia.com/gpu=0 /dev/nvidia0", "nvidia.com/gpu=1 /dev/nvidia1")
	slices := inventory("nvidia.com/gpu=0 /dev/nvidia0", "nvidia.com/gpu=0:0 /dev/nvidia0 /dev/nvidia-caps/c1", "nvidia.com/gpu=0:1 /dev/nvidia0 /dev/nvidia-caps/c2", "nvidia.com/gpu=1 /dev/nvidia1")
	for name, tt := range map[string]struct {
		inv   *Inventory
		asked asked
		held  string // names of devices that others hold
		want  string // names of devices, or the error
		cdi   string // ids of the request with the driver cdi
		uuids string // of the request to NVIDIA's driver
		env   string // what the runtime is asked for
	}{
		"by number":                      {inv: amd, asked: asked{host: requests(number(2))}, want: "amd.com/gpu=0, amd.com/gpu=1", cdi: "amd.com/gpu=0,amd.com/gpu=1"},
		"by number, some are held":       {inv: amd, asked: asked{host: requests(number(1))}, held: "amd.com/gpu=0", want: "amd.com/gpu=1", cdi: "amd.com/gpu=1"},
		"too few are free":               {inv: amd, asked: asked{host: requests(number(2))}, held: "amd.com/gpu=0 amd.com/gpu=2", want: "the task asks for 2 GPUs, and 1 of 3 are free: amd.com/gpu=0 is held by other, amd.com/gpu=2 is held by other"},
		"too few are there":              {inv: amd, asked: asked{host: requests(number(4))}, want: "this host has amd.com/gpu=0, amd.com/gpu=1, amd.com/gpu=2"},
		"none are there":                 {inv: inventory(), asked: asked{host: requests(number(1))}, want: "this host has none"},
		"all":                            {inv: amd, asked: asked{host: requests(number(-1))}, want: "amd.com/gpu=0, amd.com/gpu=1, amd.com/gpu=2", cdi: "amd.com/gpu=0,amd.com/gpu=1,amd.com/gpu=2"},
		"all, and one is held":           {inv: amd, asked: asked{host: requests(number(-1))}, held: "amd.com/gpu=1", want: "asks for all GPUs, and 2 of 3 are free: amd.com/gpu=1 is held by other"},
		"all by name":                    {inv: amd, asked: asked{host: requests(ids("cdi", "amd.com/gpu=all"))}, want: "amd.com/gpu=0, amd.com/gpu=1, amd.com/gpu=2", cdi: "amd.com/gpu=all"},
		"all by name, and one is held":   {inv: amd, asked: asked{host: requests(ids("cdi", "amd.com/gpu=all"))}, held: "amd.com/gpu=1", want: "not free: amd.com/gpu=1 is held by other"},
		"by name":                        {inv: amd, asked: asked{host: requests(ids("cdi", "amd.com/gpu=2"))}, want: "amd.com/gpu=2", cdi: "amd.com/gpu=2"},
		"by id":                          {inv: amd, asked: asked{host: requests(ids("", "2"))}, want: "amd.com/gpu=2", cdi: "amd.com/gpu=2"},
		"by a name that is not there":    {inv: amd, asked: asked{host: requests(ids("cdi", "amd.com/gpu=7"))}, want: "does not have amd.com/gpu=7; it has amd.com/gpu=0"},
		"by name, and held":              {inv: amd, asked: asked{host: requests(ids("cdi", "amd.com/gpu=2"))}, held: "amd.com/gpu=2", want: "not free: amd.com/gpu=2 is held by other"},
		"names count towards the number": {inv: amd, asked: asked{host: requests(number(2), ids("cdi", "amd.com/gpu=0"))}, want: "amd.com/gpu=0, amd.com/gpu=1", cdi: "amd.com/gpu=0,amd.com/gpu=1"},
		"numbers do not add up":          {inv: amd, asked: asked{host: requests(number(1), number(1))}, want: "amd.com/gpu=0", cdi: "amd.com/gpu=0"},
		"by path":                        {inv: amd, asked: asked{host: paths("/dev/r1")}, want: "amd.com/gpu=1"},
		"by path, and held":              {inv: amd, asked: asked{host: paths("/dev/r1")}, held: "amd.com/gpu=1", want: "not free: amd.com/gpu=1 is held by other"},
		"by the path that all share":     {inv: amd, asked: asked{host: paths("/dev/kfd", "/dev/fuse")}, held: "amd.com/gpu=1"},
		"by a device of another class":   {inv: amd, asked: asked{host: requests(ids("cdi", "vendor.example/net=a"))}, want: "amd.com/gpu=2", cdi: "vendor.example/net=a"},
		"devices of another class":       {inv: amd, asked: asked{host: requests(ids("cdi", "vendor.example/net=b"))}, cdi: "vendor.example/net=b"},

		"NVIDIA's driver":                       {inv: driver, asked: asked{host: requests(number(1))}, held: "GPU-a", want: "GPU-b", uuids: "GPU-b"},
		"NVIDIA's driver, by number of the GPU": {inv: driver, asked: asked{host: requests(ids("nvidia", "1"))}, want: "GPU-b", uuids: "GPU-b"},
		"NVIDIA's driver, by path":              {inv: driver, asked: asked{host: paths("/dev/nvidia0")}, held: "GPU-a", want: "not free: GPU-a is held by other"},
		"NVIDIA's runtime":                      {inv: driver, asked: asked{host: requests(number(1)), standard: "nvidia"}, want: "GPU-a", env: "GPU-a"},
		"NVIDIA's variable":                     {inv: driver, asked: asked{env: []string{"NVIDIA_VISIBLE_DEVICES=1", "A=b"}, standard: "nvidia"}, want: "GPU-b", env: "GPU-b"},
		"NVIDIA's variable, all":                {inv: driver, asked: asked{env: []string{"NVIDIA_VISIBLE_DEVICES=all"}, standard: "nvidia"}, want: "GPU-a, GPU-b", env: "GPU-a,GPU-b"},
		"NVIDIA's variable, held":               {inv: driver, asked: asked{env: []string{"NVIDIA_VISIBLE_DEVICES=GPU-a,GPU-b"}, standard: "nvidia"}, held: "GPU-b", want: "not free: GPU-b is held by other"},
		"NVIDIA's variable without the runtime": {inv: driver, asked: asked{env: []string{"NVIDIA_VISIBLE_DEVICES=all"}, standard: "runc"}, held: "GPU-b"},
		"NVIDIA's variable and a number":        {inv: driver, asked: asked{env: []string{"NVIDIA_VISIBLE_DEVICES=1"}, host: requests(number(1)), standard: "nvidia"}, want: "GPU-b", env: "GPU-b"},
		"NVIDIA's variable, nothing":            {inv: driver, asked: asked{env: []string{"NVIDIA_VISIBLE_DEVICES=none"}, standard: "nvidia"}, env: "none"},
		"NVIDIA's runtime, nothing asked":       {inv: driver, asked: asked{standard: "nvidia"}, env: "void"},
		"CDI under NVIDIA's runtime":            {inv: mixed, asked: asked{host: requests(ids("nvidia", "0")), standard: "nvidia"}, want: "nvidia.com/gpu=0", cdi: "nvidia.com/gpu=0", env: "void"},

		"two vendors, by number":           {inv: mixed, asked: asked{host: requests(number(1))}, want: "nvidia.com/gpu=0", cdi: "nvidia.com/gpu=0"},
		"two vendors are not mixed":        {inv: mixed, asked: asked{host: requests(number(2))}, held: "nvidia.com/gpu=1", want: "asks for 2 GPUs, and 1 of 2 are free: nvidia.com/gpu=1 is held by other"},
		"two vendors, more than one has":   {inv: mixed, asked: asked{host: requests(number(3))}, want: "asks for 3 GPUs, and this host has amd.com/gpu=0, nvidia.com/gpu=0"},
		"two vendors, by name":             {inv: mixed, asked: asked{host: requests(ids("cdi", "amd.com/gpu=0", "nvidia.com/gpu=0"))}, want: "amd.com/gpu=0, nvidia.com/gpu=0", cdi: "amd.com/gpu=0,nvidia.com/gpu=0"},
		"two vendors, one id":              {inv: mixed, asked: asked{host: requests(ids("", "0"))}, want: "0 is the name of several devices"},
		"two vendors, one id and a driver": {inv: mixed, asked: asked{host: requests(ids("amd", "0"))}, want: "amd.com/gpu=0", cdi: "amd.com/gpu=0"},
		"a number of one vendor":           {inv: mixed, asked: asked{host: requests(container.DeviceRequest{Driver: "amd", Count: 1, Capabilities: [][]string{{"gpu"}}})}, want: "amd.com/gpu=0", cdi: "amd.com/gpu=0"},

		"slices are not given by number":   {inv: slices, asked: asked{host: requests(number(2))}, want: "asks for 2 GPUs, and this host has"},
		"slices beside each other":         {inv: slices, asked: asked{host: requests(ids("cdi", "nvidia.com/gpu=0:1"))}, held: "nvidia.com/gpu=0:0", want: "nvidia.com/gpu=0:1", cdi: "nvidia.com/gpu=0:1"},
		"a GPU one slice of which is held": {inv: slices, asked: asked{host: requests(ids("cdi", "nvidia.com/gpu=0"))}, held: "nvidia.com/gpu=0:1", want: "nvidia.com/gpu=0:1 is held by other"},

		"another driver's": {inv: amd, asked: asked{host: requests(container.DeviceRequest{Driver: "disks", Capabilities: [][]string{{"disk"}}})}},
	} {
		t.Run(name, func(t *testing.T) {
			var others []Device
			for held := range strings.FieldsSeq(tt.held) {
				for _, u := range tt.inv.units {
					if u.best().Name == held {
						others = append(others, u.record())
					}
				}
			}
			held := holders{}
			for key := range tt.inv.keys(others) {
				held[key] = "other"
			}
			config, before := container.Config{Env: tt.asked.env}, tt.asked.host
			grant, err := tt.inv.choose(readWish(&config, &before, tt.asked.standard), held)
			if err != nil {
				if tt.want == "" || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("%v, want %q", err, tt.want)
				}
				if taken := errors.As(err, new(*Taken)); taken != strings.Contains(err.Error(), "held by") {
					t.Errorf("%T: %v", err, err)
				}
				return
			}
			after := before
			grant.Apply(&config, &after)
			var cdi, uuids, env string
			for _, r := range after.DeviceRequests {
				switch r.Driver {
				case "cdi":
					cdi = strings.Join(append(strings.Fields(cdi), r.DeviceIDs...), ",")
				case "nvidia":
					uuids = strings.Join(r.DeviceIDs, ",")
				}
				if r.Count != 0 {
					t.Errorf("a number is left: %+v", r)
				}
			}
			for _, variable := range config.Env {
				if value, ok := strings.CutPrefix(variable, "NVIDIA_VISIBLE_DEVICES="); ok && tt.asked.standard == "nvidia" {
					env = value
				}
			}
			got := []string{Names(grant.Devices), cdi, uuids, env}
			if diff := cmp.Diff([]string{tt.want, tt.cdi, tt.uuids, tt.env}, got); diff != "" {
				t.Errorf("devices, cdi, uuids, variable:\n%s", diff)
			}
		})
	}
}

// NVIDIA's driver is asked for what the task has asked for, beside the devices.
func TestCapabilitiesAreKept(t *testing.T) {
	request := ids("nvidia", "0")
	request.Options = map[string]string{"a": "b"}
	host := requests(request)
	grant, err := inventory("GPU-a 0 /dev/nvidia0").choose(readWish(nil, &host, "runc"), nil)
	if err != nil {
		t.Fatal(err)
	}
	grant.Apply(&container.Config{}, &host)
	want := []container.DeviceRequest{{Driver: "nvidia", DeviceIDs: []string{"GPU-a"}, Capabilities: [][]string{{"gpu", "compute"}}, Options: map[string]string{"a": "b"}}}
	if diff := cmp.Diff(want, host.DeviceRequests); diff != "" {
		t.Error(diff)
	}
}
