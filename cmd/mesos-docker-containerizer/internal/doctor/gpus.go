package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/gpu"
)

// gpus lists what tasks can be given, with all the names of each.
func (d *doctor) gpus(h dockerHost) finding {
	info := engine.Info{
		Runtimes: slices.Sorted(maps.Keys(h.info.Runtimes)), CDISpecDirs: h.info.CDISpecDirs,
		DevicesKnown: h.version.APIVersion != "" && !older(h.version.APIVersion, engine.DevicesAPI),
	}
	for _, device := range h.info.DiscoveredDevices {
		if device.Source == "cdi" {
			info.CDIDevices = append(info.CDIDevices, device.ID)
		}
	}
	inventory := gpu.Discover(info, d.GPUDriver)
	var all []string
	for _, names := range inventory.Units() {
		text := names[0]
		if len(names) > 1 {
			text += " (also " + strings.Join(names[1:], ", ") + ")"
		}
		all = append(all, text)
	}
	seen := "none that tasks could be given"
	if len(all) > 0 {
		seen = fmt.Sprintf("%d: %s", len(all), strings.Join(all, ", "))
	}
	if len(inventory.Problems) > 0 {
		return warning(seen+"; "+strings.Join(inventory.Problems, "; "), "mend the specification, or make it anew with the vendor's tool ("+words.Page("gpus.md")+"); tasks get no device that is in doubt")
	}
	return ok("%s", seen)
}
