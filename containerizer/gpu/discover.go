package gpu

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tags.cncf.io/container-device-interface/pkg/cdi"

	"mesos-docker-containerizer/containerizer/engine"
)

// Driver is where NVIDIA's driver tells of its GPUs.
const Driver = "/proc/driver/nvidia/gpus"

// hook is what the Engine needs to hand out GPUs by NVIDIA's driver, without CDI.
const hook = "nvidia-container-runtime-hook"

// Discover looks for GPUs: among the devices of the Container Device Interface that the Engine knows of, and in the directory of NVIDIA's
// driver, for which the constant Driver is meant. A host without any has an empty inventory.
func Discover(info engine.Info, driver string) *Inventory {
	all, others, problems := readCDI(info)
	nvidia, more := readDriver(driver)
	problems = append(problems, more...)
	_, err := exec.LookPath(hook)
	switch known := slices.ContainsFunc(all, func(f found) bool { return f.kind == nvidiaKind }); {
	case known:
		nvidia = slices.DeleteFunc(nvidia, func(f found) bool { // they tell of the uuids of what CDI has, and are not handed out themselves
			return !slices.ContainsFunc(all, func(g found) bool { return identity(g.Device).String() == identity(f.Device).String() })
		})
	case len(nvidia) > 0 && !info.HasNVIDIARuntime() && err != nil:
		problems = append(problems, fmt.Sprintf("%d GPUs of NVIDIA are there, and the Engine has neither CDI devices for them (nvidia-ctk cdi generate) nor NVIDIA's runtime", len(nvidia)))
		nvidia = nil
	}
	inv := newInventory(append(all, nvidia...), problems)
	inv.others = others
	return inv
}

// readCDI reads the CDI specifications that the Engine reads. Of the devices in them those count that the Engine knows, where it says.
// The nodes of devices of other classes are returned apart.
func readCDI(info engine.Info) (gpus []found, others map[string]set, problems []string) {
	var listed set // nil if the Engine does not say
	if info.DevicesKnown {
		listed = set{}
		for _, name := range info.CDIDevices {
			listed[name] = true
		}
	}
	others = map[string]set{}
	if len(info.CDISpecDirs) == 0 {
		return nil, others, nil
	}
	cache, err := cdi.NewCache(cdi.WithSpecDirs(info.CDISpecDirs...), cdi.WithAutoRefresh(false))
	if err != nil {
		return nil, others, []string{err.Error()}
	}
	for _, file := range slices.Sorted(maps.Keys(cache.GetErrors())) {
		for _, err := range cache.GetErrors()[file] {
			problems = append(problems, fmt.Sprintf("CDI specification %s: %v", file, err))
		}
	}
	for _, name := range cache.ListDevices() {
		device := cache.GetDevice(name)
		var nodes []string
		for _, n := range device.ContainerEdits.DeviceNodes {
			path := n.HostPath
			if path == "" {
				path = n.Path
			}
			nodes = append(nodes, filepath.Clean(path))
		}
		slices.Sort(nodes)
		kind, id := split(name)
		switch {
		case !isGPU(name):
			others[name] = set{}
			for _, n := range nodes {
				others[name][canonical(n)] = true
			}
		case listed != nil && !listed[name]:
			problems = append(problems, fmt.Sprintf("CDI device %s is described, and the Engine does not know it", name))
		default:
			gpus = append(gpus, found{Device: Device{Name: name, Nodes: slices.Compact(nodes)}, kind: kind, ids: []string{id}, byCDI: true})
		}
		delete(listed, name)
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if isGPU(name) {
			problems = append(problems, fmt.Sprintf("CDI device %s is known to the Engine, and its specification cannot be read in %s: which others are the same device is not known",
				name, strings.Join(info.CDISpecDirs, ", ")))
		}
	}
	return gpus, others, problems
}

// readDriver asks NVIDIA's driver, which has a directory for each GPU, in the order in which NVIDIA's tools count.
func readDriver(directory string) (gpus []found, problems []string) {
	files, _ := filepath.Glob(filepath.Join(directory, "*", "information")) // the pattern is right
	slices.Sort(files)
	for i, name := range files {
		file, err := os.Open(name)
		if err == nil {
			var uuid string
			var minor int
			uuid, minor, err = parseInformation(file)
			file.Close()
			if err == nil {
				gpus = append(gpus, found{
					Device: Device{Name: uuid, Nodes: []string{fmt.Sprintf("/dev/nvidia%d", minor)}},
					kind:   nvidiaKind, ids: []string{uuid, strconv.Itoa(i)},
				})
			}
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", name, err))
		}
	}
	return gpus, problems
}

// parseInformation reads what the driver says of one GPU, in lines as "GPU UUID: 	 GPU-...".
func parseInformation(r io.Reader) (uuid string, minor int, err error) {
	minor = -1
	lines := bufio.NewScanner(io.LimitReader(r, 1<<16))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "GPU UUID":
			uuid = value
		case "Device Minor":
			if minor, err = strconv.Atoi(value); err != nil || minor < 0 {
				return "", 0, fmt.Errorf("device minor %q is no number", value)
			}
		}
	}
	switch {
	case lines.Err() != nil:
		return "", 0, lines.Err()
	case !isUUID(uuid) || strings.Contains(uuid, "?"): // "GPU-????????-..." before the GPU is used for the first time
		return "", 0, fmt.Errorf("the driver does not tell the uuid, but %q; nvidia-persistenced or a first nvidia-smi has it do so", uuid)
	case minor < 0:
		return "", 0, errors.New("there is no device minor")
	}
	return uuid, minor, nil
}
