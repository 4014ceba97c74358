package policy

import (
	"errors"
	"strings"

	"mesos-docker-containerizer/containerizer/runspec"
)

// sameParameter has the second names of options.
var sameParameter = map[string]string{"net": "network", "dns-option": "dns-opt", "net-alias": "network-alias"}

// parseParameter reads the name of an option of docker run.
func parseParameter(item string) (string, error) {
	odd := func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-') }
	if item == "" || item[0] == '-' || strings.ContainsFunc(item, odd) {
		return "", errors.New("it is not the long name of an option of docker run, without dashes before it")
	}
	return canonicalParameter(item), nil
}

func canonicalParameter(name string) string {
	if same, ok := sameParameter[name]; ok {
		return same
	}
	return name
}

// checkParameters goes by the names alone: what they lead to is checked by the other rules. For executors that are not root's a
// parameter as such affects nothing.
func (c *check) checkParameters() {
	if !c.parameters.set() {
		return
	}
	for _, key := range c.Parameters {
		// A key can hold an "=" and more: docker takes the name to be what is before it.
		name, _, _ := strings.Cut(key, "=")
		d := demand{"container.docker.parameters", key, "docker parameter " + runspec.Quote(name)}
		permit(c, &c.parameters, d, is(canonicalParameter(name)))
	}
}
