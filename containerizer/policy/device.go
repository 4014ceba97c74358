package policy

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"mesos-docker-containerizer/containerizer/runspec"

	"github.com/docker/docker/api/types/container"
)

// Kinds of devices that no path names.
const (
	gpus      = "gpus"       // as many as a task asks for, or all
	gpusNamed = "gpus:named" // these, too, and those that it names by id
	cdiPrefix = "cdi:"
)

// cgroupRule is what the Engine takes for a rule about device numbers.
var cgroupRule = regexp.MustCompile(`^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$`)

// device is an item of allowed_devices. Exactly one of path, numbers and name is set.
type device struct {
	path    string   // a device, or a directory of devices
	numbers []string // type, major, minor
	access  string   // with path and numbers
	name    string   // "gpus", "gpus:named", or "cdi:vendor/class" with or without "=device"
}

// parseDevice reads "/dev/fuse", "/dev/net:r", "c 10:200 rwm", "gpus", "gpus:named" or "cdi:vendor.example/class=device".
func parseDevice(item string) (device, error) {
	if item == gpus || item == gpusNamed {
		return device{name: item}, nil
	}
	if kind, ok := strings.CutPrefix(item, cdiPrefix); ok {
		vendor, class, ok := strings.Cut(kind, "/")
		if !ok || vendor == "" || class == "" || strings.HasPrefix(class, "=") || strings.HasSuffix(class, "=") {
			return device{}, errors.New("it is not cdi:VENDOR/CLASS or cdi:VENDOR/CLASS=DEVICE")
		}
		return device{name: item}, nil
	}
	if m := cgroupRule.FindStringSubmatch(item); m != nil {
		return device{numbers: m[1:4], access: m[4]}, nil
	}
	name, access := item, "rwm"
	if i := strings.LastIndex(item, ":"); i >= 0 && item[i+1:] != "" && strings.Trim(item[i+1:], "rwm") == "" {
		name, access = item[:i], item[i+1:]
	}
	if !path.IsAbs(name) {
		return device{}, errors.New(`it is not the absolute path of a device or a directory of devices (as /dev/fuse or /dev/snd:rw), a cgroup rule ` +
			`(as "c 10:200 rwm"), gpus, gpus:named or cdi:VENDOR/CLASS`)
	}
	return device{path: path.Clean(name), access: access}, nil
}

// coversPath tells whether the item allows a resolved path.
func (d device) coversPath(name, access string) bool {
	return d.path != "" && within(resolved(d.path), name) && subset(access, d.access)
}

// coversNumbers tells whether the item allows a cgroup rule.
func (d device) coversNumbers(m []string) bool {
	if d.numbers == nil || !subset(m[3], d.access) {
		return false
	}
	if d.numbers[0] == "a" || m[0] == "a" { // stands for all devices, whatever the numbers say
		return d.numbers[0] == "a" && d.numbers[1] == "*" && d.numbers[2] == "*"
	}
	for i, of := range d.numbers {
		if of != "*" && of != m[i] {
			return false
		}
	}
	return true
}

// subset tells whether every letter of one text is in the other.
func subset(letters, of string) bool {
	return !strings.ContainsFunc(letters, func(r rune) bool { return !strings.ContainsRune(of, r) })
}

func (c *check) checkDevices() {
	if c.devices.settled(c.trusted) {
		return
	}
	for _, mapping := range c.HostConfig.Devices {
		c.device(mapping)
	}
	for _, rule := range c.HostConfig.DeviceCgroupRules {
		covers := never[device]
		if m := cgroupRule.FindStringSubmatch(rule); m != nil {
			covers = func(d device) bool { return d.coversNumbers(m[1:]) }
		}
		permit(c, &c.devices, demand{"HostConfig.DeviceCgroupRules", rule, "device cgroup rule " + runspec.Quote(rule)}, covers)
	}
	for _, request := range c.HostConfig.DeviceRequests {
		c.deviceRequest(request)
	}
	// The nvidia runtime hands out devices by this variable, as it does by a device request.
	for _, variable := range c.Config.Env {
		name, value, _ := strings.Cut(variable, "=")
		if name != "NVIDIA_VISIBLE_DEVICES" || value == "" || value == "void" || value == "none" {
			continue
		}
		named := value != "all"
		d := demand{"Config.Env", variable, "the variable by which runtimes are asked for GPUs"}
		permit(c, &c.devices, d, func(d device) bool { return d.coversGPUs(named) })
	}
}

// device checks a path, which may be a directory: then the Engine takes all devices below.
func (c *check) device(m container.DeviceMapping) {
	access := m.CgroupPermissions
	if access == "" {
		access = "rwm"
	}
	d := demand{field: "HostConfig.Devices", value: m.PathOnHost}
	for _, name := range meanings(m.PathOnHost) {
		place, err := resolve(name)
		d.reason = fmt.Sprintf("device %s (%s)", runspec.Quote(place), access)
		covers := func(item device) bool { return item.coversPath(place, access) }
		if err != nil {
			d.reason = fmt.Sprintf("a device whose path cannot be followed (%v)", err)
			covers = never[device]
		}
		permit(c, &c.devices, d, covers)
	}
}

// deviceRequest checks what is asked of a device driver. A task's gpus are such a request, too.
func (c *check) deviceRequest(r container.DeviceRequest) {
	if r.Driver == "cdi" {
		for _, id := range r.DeviceIDs {
			kind, _, _ := strings.Cut(id, "=")
			d := demand{"HostConfig.DeviceRequests", id, "CDI device " + runspec.Quote(id)}
			permit(c, &c.devices, d, func(item device) bool { return item.name == cdiPrefix+id || item.name == cdiPrefix+kind })
		}
		return
	}
	named := len(r.DeviceIDs) > 0
	d := demand{"HostConfig.DeviceRequests", r.Driver, fmt.Sprintf("a device request for %v", r.Capabilities)}
	if named {
		d.reason = fmt.Sprintf("a request for the GPUs %q by name", r.DeviceIDs)
	}
	graphics := slices.Contains([]string{"", "nvidia", "amd"}, r.Driver) && len(r.Capabilities) > 0
	for _, all := range r.Capabilities {
		graphics = graphics && slices.Contains(all, "gpu")
	}
	permit(c, &c.devices, d, func(item device) bool { return graphics && item.coversGPUs(named) })
}

// coversGPUs tells whether the item allows GPUs by number, or by name.
func (d device) coversGPUs(named bool) bool {
	return d.name == gpusNamed || d.name == gpus && !named
}
