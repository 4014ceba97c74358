package gpu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/engine"
)

// device is a CDI device by its name and nodes: "amd.com/gpu=0 /dev/a /dev/b".
func device(text string) found {
	name, nodes, _ := strings.Cut(text, " ")
	kind, id := split(name)
	return found{Device: Device{Name: name, Nodes: strings.Fields(nodes)}, kind: kind, ids: []string{id}, byCDI: true}
}

// inventory is one of such devices; "GPU-x 0 /dev/nvidia0" is one of NVIDIA's driver, with its number.
func inventory(devices ...string) *Inventory {
	var all []found
	for _, text := range devices {
		f := device(text)
		if f.kind == "" {
			f.byCDI, f.kind = false, nvidiaKind
			f.ids, f.Nodes = append(f.ids, f.Nodes[0]), f.Nodes[1:]
		}
		all = append(all, f)
	}
	return newInventory(all, nil)
}

func TestOneDeviceOfManyNames(t *testing.T) {
	for name, tt := range map[string]struct {
		devices []string
		want    [][]string
	}{
		"by number, by uuid and all are one": {
			[]string{"nvidia.com/gpu=0 /dev/nvidia0", "nvidia.com/gpu=GPU-a /dev/nvidia0", "nvidia.com/gpu=all /dev/nvidia0"},
			[][]string{{"nvidia.com/gpu=GPU-a", "nvidia.com/gpu=0", "nvidia.com/gpu=all"}},
		},
		"all is several": {
			[]string{"nvidia.com/gpu=all /dev/nvidia0 /dev/nvidia1", "nvidia.com/gpu=0 /dev/nvidia0", "nvidia.com/gpu=1 /dev/nvidia1"},
			[][]string{{"nvidia.com/gpu=0"}, {"nvidia.com/gpu=1"}},
		},
		"an alias of another kind": {
			[]string{"nvidia.com/gpu=0 /dev/nvidia0", "management.nvidia.com/gpu=all /dev/nvidia0"},
			[][]string{{"nvidia.com/gpu=0", "management.nvidia.com/gpu=all"}},
		},
		"a node that all share is none of the identity": {
			[]string{"amd.com/gpu=0 /dev/kfd /dev/dri/card1 /dev/dri/renderD128", "amd.com/gpu=1 /dev/kfd /dev/dri/card2 /dev/dri/renderD129",
				"amd.com/gpu=all /dev/kfd /dev/dri/card1 /dev/dri/renderD128 /dev/dri/card2 /dev/dri/renderD129"},
			[][]string{{"amd.com/gpu=0"}, {"amd.com/gpu=1"}},
		},
		"slices are apart, and parts of their GPU": {
			[]string{"nvidia.com/gpu=0 /dev/nvidia0", "nvidia.com/gpu=0:0 /dev/nvidia0 /dev/nvidia-caps/nvidia-cap12",
				"nvidia.com/gpu=MIG-a /dev/nvidia0 /dev/nvidia-caps/nvidia-cap12", "nvidia.com/gpu=0:1 /dev/nvidia0 /dev/nvidia-caps/nvidia-cap21",
				"nvidia.com/gpu=1 /dev/nvidia1"},
			[][]string{{"nvidia.com/gpu=1"}, {"nvidia.com/gpu=0:1"}, {"nvidia.com/gpu=MIG-a", "nvidia.com/gpu=0:0"}},
		},
		"other nodes of NVIDIA's do not count": {
			[]string{"nvidia.com/gpu=0 /dev/nvidia0 /dev/dri/card0", "GPU-a 0 /dev/nvidia0"},
			[][]string{{"nvidia.com/gpu=0", "GPU-a"}},
		},
		"without nodes the name is all": {
			[]string{"amd.com/gpu=a", "amd.com/gpu=b", "amd.com/gpu=all"},
			[][]string{{"amd.com/gpu=a"}, {"amd.com/gpu=all"}, {"amd.com/gpu=b"}},
		},
		"numbers are in order": {
			[]string{"amd.com/gpu=10 /dev/10", "amd.com/gpu=2 /dev/2", "amd.com/gpu=x /dev/x"},
			[][]string{{"amd.com/gpu=2"}, {"amd.com/gpu=10"}, {"amd.com/gpu=x"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, inventory(tt.devices...).Units()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a label says is found again after names, numbers and the whole specification have changed.
func TestKeysOfALabel(t *testing.T) {
	const slice0, slice1 = "nvidia.com/gpu=0:0 /dev/nvidia0 /dev/nvidia-caps/nvidia-cap12", "nvidia.com/gpu=0:1 /dev/nvidia0 /dev/nvidia-caps/nvidia-cap21"
	for name, tt := range map[string]struct {
		label Device
		now   []string
		want  string // names of units that it holds
	}{
		"the same name":                    {Device{"amd.com/gpu=0", []string{"/dev/a"}}, []string{"amd.com/gpu=0 /dev/a", "amd.com/gpu=1 /dev/b"}, "amd.com/gpu=0"},
		"the name is another's":            {Device{"amd.com/gpu=0", []string{"/dev/b"}}, []string{"amd.com/gpu=0 /dev/a", "amd.com/gpu=1 /dev/b"}, "amd.com/gpu=1"},
		"the number of the node has moved": {Device{"nvidia.com/gpu=GPU-b", []string{"/dev/nvidia0"}}, []string{"nvidia.com/gpu=GPU-a /dev/nvidia0", "nvidia.com/gpu=GPU-b /dev/nvidia1"}, "nvidia.com/gpu=GPU-b"},
		"NVIDIA's driver, then CDI":        {Device{"GPU-a", []string{"/dev/nvidia0"}}, []string{"nvidia.com/gpu=0 /dev/nvidia0", "nvidia.com/gpu=1 /dev/nvidia1"}, "nvidia.com/gpu=0"},
		"all":                              {Device{"amd.com/gpu=all", []string{"/dev/a", "/dev/b"}}, []string{"amd.com/gpu=0 /dev/a", "amd.com/gpu=1 /dev/b"}, "amd.com/gpu=0 amd.com/gpu=1"},
		"one of two slices":                {Device{"nvidia.com/gpu=0:0", []string{"/dev/nvidia0", "/dev/nvidia-caps/nvidia-cap12"}}, []string{slice0, slice1}, "nvidia.com/gpu=0:0"},
		"the GPU of two slices":            {Device{"nvidia.com/gpu=0", []string{"/dev/nvidia0"}}, []string{slice0, slice1}, "nvidia.com/gpu=0:0 nvidia.com/gpu=0:1"},
		"a slice that is whole again":      {Device{"nvidia.com/gpu=0:0", []string{"/dev/nvidia0", "/dev/nvidia-caps/nvidia-cap12"}}, []string{"nvidia.com/gpu=0 /dev/nvidia0"}, "nvidia.com/gpu=0"},
		"gone":                             {Device{"amd.com/gpu=0", []string{"/dev/a"}}, []string{"amd.com/gpu=0 /dev/b"}, ""},
		"without nodes":                    {Device{"amd.com/gpu=a", nil}, []string{"amd.com/gpu=a", "amd.com/gpu=b"}, "amd.com/gpu=a"},
	} {
		t.Run(name, func(t *testing.T) {
			inv := inventory(tt.now...)
			keys := inv.keys([]Device{tt.label})
			var names []string
			for _, u := range inv.units {
				if keys[u.identity.String()] {
					names = append(names, u.best().Name)
				}
			}
			if got := strings.Join(names, " "); got != tt.want || len(keys) == 0 {
				t.Errorf("holds %q (%v), want %q", got, keys, tt.want)
			}
		})
	}
}

// A node is the same by another path, and another by the same number of another type.
func TestCanonical(t *testing.T) {
	directory := t.TempDir()
	node := func(name string, mode uint32, major, minor uint32) string {
		path := filepath.Join(directory, name)
		if err := unix.Mknod(path, mode|0o600, int(unix.Mkdev(major, minor))); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := node("a", unix.S_IFCHR, 1, 3), node("b", unix.S_IFCHR, 1, 3)
	link := filepath.Join(directory, "link")
	if err := os.Symlink(a, link); err != nil {
		t.Fatal(err)
	}
	if canonical(a) != "c 1:3" || canonical(b) != "c 1:3" || canonical(link) != "c 1:3" || canonical("/dev/null") != "c 1:3" {
		t.Error(canonical(a), canonical(b), canonical(link))
	}
	if block := canonical(node("block", unix.S_IFBLK, 1, 3)); block != "b 1:3" {
		t.Error(block)
	}
	if missing := canonical("/nosuch//x"); missing != "/nosuch/x" {
		t.Error(missing)
	}
	if below := nodesBelow(directory); !below["c 1:3"] || !below["b 1:3"] || len(below) != 2 {
		t.Error(below)
	}
}

// write makes a file below a directory of the test.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDiscover(t *testing.T) {
	directory, driver := t.TempDir(), t.TempDir()
	write(t, directory+"/amd.json", `{"cdiVersion":"0.6.0","kind":"amd.com/gpu","containerEdits":{"deviceNodes":[{"path":"/dev/kfd"}]},"devices":[
		{"name":"0","containerEdits":{"deviceNodes":[{"path":"/dev/dri/x1","hostPath":"/host/x1"}]}},
		{"name":"1","containerEdits":{"deviceNodes":[{"path":"/dev/dri/x2"}]}}]}`)
	write(t, directory+"/net.json", `{"cdiVersion":"0.6.0","kind":"vendor.example/net","devices":[{"name":"a","containerEdits":{"deviceNodes":[{"path":"/dev/dri/x2"}]}}]}`)
	write(t, directory+"/wrong.json", `{"cdiVersion":"0.6.0","kind":"intel.com/gpu","devices":[{"name":"a","containerEdits":{"env":["NOVALUE"]}}]}`)
	write(t, driver+"/0000:01:00.0/information", "Model: \t\t NVIDIA X\nGPU UUID: \t GPU-a\nBus Location: \t 0000:01:00.0\nDevice Minor: \t 1\n")
	write(t, driver+"/0000:02:00.0/information", "GPU UUID: \t GPU-????????-????\nDevice Minor: \t 0\n")
	info := engine.Info{CDISpecDirs: []string{directory}, DevicesKnown: true, CDIDevices: []string{"amd.com/gpu=0", "intel.com/gpu=b", "vendor.example/net=a"}, Runtimes: []string{"nvidia"}}

	inv := Discover(info, driver)
	if diff := cmp.Diff([][]string{{"amd.com/gpu=0"}, {"GPU-a"}}, inv.Units()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/host/x1"}, inv.units[0].record().Nodes); diff != "" {
		t.Error(diff)
	}
	all := strings.Join(inv.Problems, "\n")
	for _, want := range []string{"wrong.json", "amd.com/gpu=1 is described, and the Engine does not know it", "intel.com/gpu=b is known to the Engine, and its specification cannot be read", "does not tell the uuid"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}

	info.DevicesKnown, info.CDIDevices = false, nil // as before API 1.50
	if diff := cmp.Diff([][]string{{"amd.com/gpu=0"}, {"amd.com/gpu=1"}, {"GPU-a"}}, Discover(info, driver).Units()); diff != "" {
		t.Error(diff)
	}
	info.CDISpecDirs, info.Runtimes = nil, nil // CDI is off, and so is what would serve NVIDIA's
	t.Setenv("PATH", t.TempDir())
	if inv = Discover(info, driver); len(inv.Units()) != 0 || !strings.Contains(strings.Join(inv.Problems, "\n"), "neither CDI devices") {
		t.Errorf("%v, %v", inv.Units(), inv.Problems)
	}
	if inv = Discover(engine.Info{}, t.TempDir()); len(inv.Units()) != 0 || len(inv.Problems) != 0 {
		t.Errorf("%v, %v", inv.Units(), inv.Problems)
	}
}

func TestDriverBesideCDI(t *testing.T) {
	directory, driver := t.TempDir(), t.TempDir()
	write(t, directory+"/nvidia.json", `{"cdiVersion":"0.6.0","kind":"nvidia.com/gpu","devices":[{"name":"0","containerEdits":{"deviceNodes":[{"path":"/dev/nvidia7"},{"path":"/dev/dri/card9"}]}}]}`)
	write(t, driver+"/0000:01:00.0/information", "GPU UUID: GPU-a\nDevice Minor: 7\n")
	write(t, driver+"/0000:02:00.0/information", "GPU UUID: GPU-b\nDevice Minor: 8\n")
	inv := Discover(engine.Info{CDISpecDirs: []string{directory}}, driver)
	if diff := cmp.Diff([][]string{{"nvidia.com/gpu=0", "GPU-a"}}, inv.Units()); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseInformation(f *testing.F) {
	f.Add("GPU UUID: GPU-a\nDevice Minor: 7\n")
	f.Add("Device Minor: -1")
	f.Fuzz(func(t *testing.T, text string) {
		uuid, minor, err := parseInformation(strings.NewReader(text))
		if err == nil && (!isUUID(uuid) || minor < 0) {
			t.Errorf("%q, %d", uuid, minor)
		}
	})
}

func FuzzParseLabel(f *testing.F) {
	f.Add(`[{"name":"amd.com/gpu=0","nodes":["/dev/dri/x1"]}]`)
	f.Add(`[{}]`)
	f.Fuzz(func(t *testing.T, text string) {
		devices, err := ParseLabel(text)
		if err != nil {
			return
		}
		again, err := ParseLabel(MarshalLabel(devices))
		if diff := cmp.Diff(devices, again); err != nil || len(devices) > 0 && diff != "" && !strings.Contains(diff, "nodes") {
			t.Errorf("%v\n%s", err, diff)
		}
		inventory("amd.com/gpu=0 /dev/dri/x1").keys(devices)
	})
}
