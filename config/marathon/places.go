package marathon

import (
	"slices"

	"mesos-docker-containerizer/internal/strictjson"
)

// places are the keys that people put into the wrong object, by the path in the app of the object they belong to.
var places = []struct {
	object string
	keys   []string
}{
	{"", []string{"acceptedResourceRoles", "args", "backoffFactor", "backoffSeconds", "check", "cmd", "constraints", "container",
		"cpus", "dependencies", "disk", "env", "executor", "fetch", "healthChecks", "instances", "maxLaunchDelaySeconds", "mem",
		"networks", "portDefinitions", "ports", "readinessChecks", "requirePorts", "residency", "secrets",
		"taskKillGracePeriodSeconds", "tty", "unreachableStrategy", "upgradeStrategy", "uris", "user"}},
	{"/container", []string{"docker", "linuxInfo", "portMappings", "volumes"}},
	{"/container/docker", []string{"forcePullImage", "image", "network", "parameters", "privileged"}},
	{"/upgradeStrategy", []string{"maximumOverCapacity", "minimumHealthCapacity"}},
}

// placeOf is where a key of the app belongs that stands elsewhere, or "".
func (d *document) placeOf(key string) string {
	if d.app == nil {
		return ""
	}
	for _, p := range places {
		if slices.Contains(p.keys, key) {
			return strictjson.Join(d.app.path+p.object, key)
		}
	}
	return ""
}
