package gpu

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Device is one device as a label on its container has it.
type Device struct {
	// Name is that of CDI, "amd.com/gpu=0", or NVIDIA's uuid, "GPU-...".
	Name string `json:"name"`

	// Nodes are the paths of its device nodes on the host. Empty for a device that has none: its name is its identity then.
	Nodes []string `json:"nodes,omitempty"`
}

// MarshalLabel writes devices as a container's label. It is empty for none.
func MarshalLabel(devices []Device) string {
	if len(devices) == 0 {
		return ""
	}
	text, err := json.Marshal(devices)
	if err != nil {
		panic(err) // strings can be encoded
	}
	return string(text)
}

// ParseLabel reads what MarshalLabel has written.
func ParseLabel(label string) ([]Device, error) {
	if label == "" {
		return nil, nil
	}
	var devices []Device
	if err := json.Unmarshal([]byte(label), &devices); err != nil {
		return nil, fmt.Errorf("label of devices %q: %w", label, err)
	}
	for _, d := range devices {
		if d.Name == "" {
			return nil, fmt.Errorf("label of devices %q: a device has no name", label)
		}
	}
	return devices, nil
}

// Names joins the names of devices, for people.
func Names(devices []Device) string {
	var names []string
	for _, d := range devices {
		names = append(names, d.Name)
	}
	return strings.Join(names, ", ")
}

// split takes a name apart: "amd.com/gpu=0" is of the kind "amd.com/gpu" and has the id "0". NVIDIA's uuids have no kind.
func split(name string) (kind, id string) {
	if kind, id, ok := strings.Cut(name, "="); ok {
		return kind, id
	}
	return "", name
}

// isGPU tells whether a name is a CDI name of a GPU.
func isGPU(name string) bool {
	kind, _ := split(name)
	_, class, _ := strings.Cut(kind, "/")
	return class == "gpu"
}

// sliceID is how NVIDIA calls a part of a GPU (MIG): GPU and part by number, or a uuid.
var sliceID = regexp.MustCompile(`^(MIG-.*|[0-9]+:[0-9]+)$`)

func isSlice(name string) bool {
	_, id := split(name)
	return sliceID.MatchString(id)
}

// isUUID tells whether an id is one that NVIDIA gives to one device for good.
func isUUID(id string) bool { return strings.HasPrefix(id, "GPU-") || strings.HasPrefix(id, "MIG-") }

// set is an identity: device nodes, or a name.
type set map[string]bool

func (s set) within(other set) bool {
	for element := range s {
		if !other[element] {
			return false
		}
	}
	return true
}

func (s set) String() string {
	return strings.Join(slices.Sorted(maps.Keys(s)), " ")
}

// nvidiaNode is the node of one of NVIDIA's GPUs or slices. Their devices list others beside it, which are no part of the identity.
var nvidiaNode = regexp.MustCompile(`/nvidia([0-9]+|-caps/.*)$`)

// identity is what makes a device the same as another.
func identity(d Device) set {
	s := set{}
	for _, n := range identityNodes(d.Nodes) {
		s[canonical(n)] = true
	}
	if len(s) == 0 {
		s[d.Name] = true
	}
	return s
}

// identityNodes are the nodes that count for the identity: all, but for NVIDIA.
func identityNodes(nodes []string) []string {
	var own []string
	for _, n := range nodes {
		if nvidiaNode.MatchString(n) {
			own = append(own, n)
		}
	}
	if own == nil {
		return nodes
	}
	return own
}

// canonical names a device node by its type and number, which symlinks and other paths do not change. What is not there, or no device,
// is named by its path.
func canonical(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err == nil {
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFCHR:
			return fmt.Sprintf("c %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
		case unix.S_IFBLK:
			return fmt.Sprintf("b %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
		}
	}
	return filepath.Clean(path)
}

// nodesBelow are the canonical names of what the Engine gives for a path: the device, or in a directory all below.
func nodesBelow(path string) set {
	s := set{}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	_ = filepath.WalkDir(path, func(p string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() { // of what is missing or cannot be read the Engine will speak
			s[canonical(p)] = true
		}
		return nil
	})
	return s
}
