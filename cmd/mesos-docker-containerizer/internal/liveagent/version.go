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

// firstByMark are the first versions of each line of Mesos 1 whose agents mark the executors that they make up for command tasks
// (MESOS-10084): minor version to patch version. 1.7.3 was released; of the others only the heads of the branches have the change,
// under the number of the release that did not come. Lines before 1.5 never got it, those from 1.10 on had it from the start
// (src/slave/paths.cpp at each tag and branch).
var firstByMark = map[int]int{5: 4, 6: 3, 7: 3, 8: 2, 9: 1}

// DetectsByLauncherDir says that agents of this version tell a command task's executor from a framework's own by comparing its
// command with the real path of mesos-executor in the launcher_dir of the day, recovered ones too.
func (v Version) DetectsByLauncherDir() bool {
	patch, some := firstByMark[v.Minor]
	return v.Before(1, 5, 0) || v.Major == 1 && some && v.Patch < patch
}
