package marathon

import (
	"regexp"
	"slices"
	"strings"

	"mesos-docker-containerizer/internal/strictjson"
)

// pathID is an absolute Marathon id, "/a/b", as its segments.
type pathID []string

// resolvePath reads an id relative to the group it stands in: "b" in group /a is /a/b, "../b" is /b (Marathon's PathId).
func resolvePath(base pathID, id string) pathID {
	var resolved pathID
	if !strings.HasPrefix(id, "/") {
		resolved = slices.Clone(base)
	}
	for segment := range strings.SplitSeq(id, "/") {
		switch segment {
		case "", ".":
		case "..":
			resolved = resolved[:max(len(resolved)-1, 0)]
		default:
			resolved = append(resolved, segment)
		}
	}
	return resolved
}

func (p pathID) String() string { return "/" + strings.Join(p, "/") }

// safe is the form Marathon uses in task ids and persistent volume ids.
func (p pathID) safe() string { return strings.Join(p, "_") }

// hostname is the reversed form Marathon uses as task name, so that DNS based discovery can publish it.
func (p pathID) hostname() string {
	reversed := slices.Clone(p)
	slices.Reverse(reversed)
	return strings.Join(reversed, ".")
}

var (
	pathSegment = regexp.MustCompile(`^(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$`)

	// reservedSegments collide with Marathon's own URLs when an id ends with them.
	reservedSegments = []string{"restart", "tasks", "versions"}
)

// readPath reads the id of an app or a group and resolves it against the group around it.
func readPath(v value, base pathID) pathID {
	id := resolvePath(base, v.str(""))
	if n := len(base); n > 0 && (len(id) != n+1 || !slices.Equal(id[:n], base)) {
		v.mistake("%s is no child of the group %s around it", strictjson.Shorten(id.String()), base)
		return id
	}
	for _, segment := range id {
		if !pathSegment.MatchString(segment) {
			v.mistake("%q is no valid part of an id: lower case letters, digits, dots and inner dashes are accepted", strictjson.Shorten(segment))
			return id
		}
	}
	if n := len(id); n > 0 && slices.Contains(reservedSegments, id[n-1]) {
		v.mistake("must not end with any of %s", strings.Join(reservedSegments, ", "))
	}
	return id
}
