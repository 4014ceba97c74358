package runspec

import (
	"slices"
	"strings"
	"unicode"

	"mesos-docker-containerizer/config/nearest"
	"mesos-docker-containerizer/containerizer/engine"
)

// Decision says what becomes of a docker parameter.
type Decision string

const (
	// Passed parameters mean what they mean to docker run.
	Passed Decision = "passed"
	// Restricted parameters are passed unless the reason applies.
	Restricted Decision = "restricted"
	// Adapted parameters are taken, but the daemon does what they ask for.
	Adapted Decision = "adapted"
	// Refused parameters fail the task.
	Refused Decision = "refused"
)

// Rule is the decision about one option of docker run.
type Rule struct {
	Name     string
	Decision Decision

	// Reason is for the person whose parameter it is; docs/parameters.md is made from it.
	Reason string

	// check returns why a value is refused, or "". It stands with Restricted.
	check func(value string) string
}

// Rules are the decisions about every option that docker run has, sorted by name, and must not be changed. A test holds the list
// equal to docker's own, so that an option of a later docker cannot slip in undecided.
var Rules = buildRules()

// ruleFor finds the rule of an option.
func ruleFor(name string) (Rule, bool) {
	i, found := slices.BinarySearchFunc(Rules, name, func(r Rule, name string) int { return strings.Compare(r.Name, name) })
	if !found {
		return Rule{}, false
	}
	return Rules[i], true
}

// Reasons that several options share.
const (
	reasonHostFile   = "it would read a file of the host as root; put the values into the task itself"
	reasonHostWrite  = "it would write a file on the host as root"
	reasonForeground = "a task runs in the foreground; its end is the end of the container"
	reasonWindows    = "it exists on Windows only"
	reasonStreams    = "output always goes to the sandbox, and a task has no input"
)

// buildRules lists every option of docker run. Those without a word are passed as they are.
func buildRules() []Rule {
	list := []Rule{
		{Name: "attach", Decision: Refused, Reason: reasonStreams},
		{Name: "cidfile", Decision: Refused, Reason: reasonHostWrite},
		{Name: "cpu-count", Decision: Refused, Reason: reasonWindows},
		{Name: "cpu-percent", Decision: Refused, Reason: reasonWindows},
		{Name: "detach", Decision: Refused, Reason: reasonForeground},
		{Name: "detach-keys", Decision: Refused, Reason: reasonStreams},
		{Name: "device", Decision: Passed, Reason: "a GPU that it names, or whose node it is, must be one that no other container has (docs/gpus.md)"},
		{Name: "disable-content-trust", Decision: Refused, Reason: "images are pulled by the daemon, not by this command"},
		{Name: "env", Decision: Restricted, Reason: "the value must be NAME=value: a bare NAME would copy a variable of the daemon's own environment",
			check: checkEnv},
		{Name: "env-file", Decision: Refused, Reason: reasonHostFile},
		{Name: "gpus", Decision: Passed, Reason: "the daemon asks for devices by name, and for none that another container has (docs/gpus.md)"},
		{Name: "help", Decision: Refused, Reason: "it would print a text and start nothing"},
		{Name: "interactive", Decision: Adapted, Reason: "a task has no input, so its standard input is at its end from the start"},
		{Name: "io-maxbandwidth", Decision: Refused, Reason: reasonWindows},
		{Name: "io-maxiops", Decision: Refused, Reason: reasonWindows},
		{Name: "label", Decision: Restricted, Reason: "labels that begin with " + engine.LabelPrefix + " are the containerizer's own", check: checkLabel},
		{Name: "label-file", Decision: Refused, Reason: reasonHostFile},
		{Name: "mount", Decision: Passed, Reason: "a source that begins with a dot is relative to the sandbox and must stay in it; docker 29's bind-create-src has the Engine make a missing source, from API 1.42 on"},
		{Name: "name", Decision: Refused, Reason: "the agent names the container and finds it by that name"},
		{Name: "net", Decision: Passed, Reason: "the first net or network replaces the network of the task, further ones are added"},
		{Name: "network", Decision: Passed, Reason: "the first net or network replaces the network of the task, further ones are added"},
		{Name: "platform", Decision: Passed, Reason: "the image is pulled for that platform"},
		{Name: "pull", Decision: Refused, Reason: "images are pulled before; use force_pull_image"},
		{Name: "quiet", Decision: Refused, Reason: "images are pulled by the daemon, not by this command"},
		{Name: "restart", Decision: Restricted,
			Reason: "only no is possible: the Engine would start the container again behind the framework's back, when the task has ended and its resources are another's",
			check:  checkRestart},
		{Name: "rm", Decision: Adapted, Reason: "every container is removed, after its exit has been reported and docker_remove_delay has passed"},
		{Name: "security-opt", Decision: Restricted, Reason: "a seccomp profile in a file is refused, since the file would be read from the host as root; unconfined is possible, and from Engine 23 on builtin",
			check: checkSecurityOpt},
		{Name: "sig-proxy", Decision: Refused, Reason: "no process stands between the agent and the container that could pass signals on"},
		{Name: "use-api-socket", Decision: Refused, Reason: "it would hand the Engine's socket and the credentials of registries to the task"},
		{Name: "volume", Decision: Passed, Reason: "a host path that begins with a dot is relative to the sandbox and must stay in it"},
	}
	passed := `add-host annotation blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cpu-period cpu-quota
		cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems device-cgroup-rule device-read-bps
		device-read-iops device-write-bps device-write-iops dns dns-opt dns-option dns-search domainname entrypoint expose
		group-add health-cmd health-interval health-retries health-start-interval health-start-period health-timeout hostname
		init ip ip6 ipc isolation kernel-memory link link-local-ip log-driver log-opt mac-address memory memory-reservation
		memory-swap memory-swappiness net-alias network-alias no-healthcheck oom-kill-disable oom-score-adj pid pids-limit
		privileged publish publish-all read-only runtime shm-size stop-signal stop-timeout storage-opt sysctl tmpfs tty ulimit
		user userns uts volume-driver volumes-from workdir`
	for name := range strings.FieldsSeq(passed) {
		list = append(list, Rule{Name: name, Decision: Passed})
	}
	slices.SortFunc(list, func(a, b Rule) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// checkEnv keeps docker's parser from complaining about a variable with the variable's value.
func checkEnv(value string) string {
	name, _, assigned := strings.Cut(value, "=")
	switch {
	case !assigned:
		return "the value must be NAME=value: a bare NAME would copy a variable of the daemon's own environment"
	case name == "":
		return "the variable has no name"
	}
	return ""
}

func checkLabel(value string) string {
	if strings.HasPrefix(strings.TrimLeft(value, " \t"), engine.LabelPrefix) {
		return "labels that begin with " + engine.LabelPrefix + " are the containerizer's own"
	}
	return ""
}

func checkRestart(value string) string {
	if value == "" || value == "no" {
		return ""
	}
	return "the Engine would start the container again behind the framework's back; only no is possible, not " + Quote(value)
}

// checkSecurityOpt splits as docker does: at the first "=", without one at the first ":".
func checkSecurityOpt(value string) string {
	name, profile, found := strings.Cut(value, "=")
	if !found {
		name, profile, _ = strings.Cut(value, ":")
	}
	if name != "seccomp" || profile == "" || profile == "builtin" || profile == "unconfined" {
		return ""
	}
	return "the seccomp profile would be read from a file of the host as root; builtin and unconfined are possible"
}

// shortNames are the options of docker run with one letter. A parameter has the long name.
var shortNames = map[string]string{
	"c": "cpu-shares", "e": "env", "h": "hostname", "l": "label", "m": "memory", "P": "publish-all", "p": "publish", "t": "tty",
	"u": "user", "v": "volume", "w": "workdir",
}

// suggest returns the key that was meant by one that docker run does not have, "" if none is near or what is meant is refused.
func suggest(name string) string {
	bare := strings.TrimSpace(strings.Trim(strings.TrimSpace(name), "-"))
	var known []string
	for _, rule := range Rules {
		if rule.Decision != Refused {
			known = append(known, rule.Name)
		}
	}
	if long, short := shortNames[bare]; short {
		bare = long
	}
	same := func(key string) bool { return plainLetters(key) == plainLetters(bare) }
	if i := slices.IndexFunc(known, same); i >= 0 {
		return known[i]
	}
	if _, refused := ruleFor(strings.ToLower(bare)); refused {
		return ""
	}
	return nearest.Name(bare, known)
}

// plainLetters are the letters and digits of a key in lower case: what is left of it however its words are joined.
func plainLetters(key string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, key)
}
