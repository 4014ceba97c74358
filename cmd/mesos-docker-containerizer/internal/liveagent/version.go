package liveagent

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version is a release of Mesos. The zero Version is one that is not known.
type Version struct{ Major, Minor, Patch int }

// ParseVersion reads "1.11.0", also with something behind it, as "1.12.0-dev".
func ParseVersion(text string) (Version, error) {
	numbers, _, _ := strings.Cut(strings.TrimSpace(text), "-")
	numbers, _, _ = strings.Cut(numbers, "+")
	parts := strings.Split(numbers, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return Version{}, fmt.Errorf("%q is not a version of Mesos such as 1.11.0", text)
	}
	var found [3]int
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return Version{}, fmt.Errorf("%q is not a version of Mesos such as 1.11.0", text)
		}
		found[i] = int(n)
	}
	return Version{found[0], found[1], found[2]}, nil
}

// Before says that v is an older release than 1.11.0 for Before(1, 11, 0).
func (v Version) Before(major, minor, patch int) bool {
	return cmp.Or(cmp.Compare(v.Major, major), cmp.Compare(v.Minor, minor), cmp.Compare(v.Patch, patch)) < 0
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// DetectsByLauncherDir says that agents of this version tell a command task's executor from a framework's own by comparing its
// command with the real path of mesos-executor in the launcher_dir of the day, recovered ones too. It was mended in 1.7.3 and in
// 1.10.0 (MESOS-10084), not in 1.8 and 1.9.
func (v Version) DetectsByLauncherDir() bool {
	return v.Before(1, 7, 3) || v.Major == 1 && (v.Minor == 8 || v.Minor == 9)
}
