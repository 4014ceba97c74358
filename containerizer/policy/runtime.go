package policy

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode"

	"mesos-docker-containerizer/containerizer/runspec"
)

// annotationPrefix begins items of allowed_runtimes that are the key of an annotation.
const annotationPrefix = "annotation:"

func parseRuntime(item string) (string, error) {
	if item == "" || strings.ContainsFunc(item, unicode.IsSpace) || item == annotationPrefix {
		return "", errors.New("it is neither the name of a runtime, such as runsc, nor annotation:KEY")
	}
	return item, nil
}

// checkRuntime checks the runtime and its annotations, because some runtimes obey annotations as root.
func (c *check) checkRuntime() {
	if r := c.HostConfig.Runtime; r != "" {
		covers := func(item string) bool { return item == r && !strings.HasPrefix(item, annotationPrefix) }
		permit(c, &c.runtimes, demand{"HostConfig.Runtime", r, "runtime " + runspec.Quote(r)}, covers)
	}
	for _, key := range slices.Sorted(maps.Keys(c.HostConfig.Annotations)) {
		item := annotationPrefix + key
		permit(c, &c.runtimes, demand{"HostConfig.Annotations", key, "an instruction to the runtime (" + runspec.Quote(item) + ")"}, is(item))
	}
}
