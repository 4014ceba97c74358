package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"mesos-docker-containerizer/internal/policylist"
	"mesos-docker-containerizer/internal/strictjson"
)

// Policy is what tasks are allowed to ask for. Which of it is set,
// Origin says; docs/policy.md says what each list means. Package policy checks
// the items.
type Policy struct {
	AllowPrivileged bool
	// Allowed has the lists by the names of their flags, every one of them.
	Allowed map[string][]string
}

// groupValue accepts the name or the number of a group. Whether there is one
// is for the host to say, when the socket is made.
func groupValue(p *string) value {
	return textValue(p, "the name or number of a group", "it is not the name of a group", func(s string) bool {
		return s != "" && len(s) <= 32 && s[0] != '-' && consistsOf(s, "-_.$")
	})
}

// policyFlags are the rows of the table for Policy.
var policyFlags = []*flag{
	{
		name: "allow_privileged", standard: "true", live: true,
		bind: func(c *Config) value { return boolValue(&c.Policy.AllowPrivileged) },
		doc:  "Policy: whether tasks may be privileged, or loosen the profiles (seccomp, AppArmor, SELinux, masked paths) that confine them.",
	},
	allowed(policylist.HostPaths, "host paths, as /srv/data, /etc/ssl:ro or /mnt/csi:shared",
		"Policy: host paths that tasks may mount, each with all below it, after symlinks are followed. The sandbox of a task is its own in any case."),
	allowed(policylist.Parameters, "names of docker run's options, as label,env,ulimit",
		"Policy: docker parameters that tasks may have at all. Marathon gives a `label` to every task."),
	allowed(policylist.Networks, "names of networks, as bridge,apps; host is the host's, container another container's",
		"Policy: networks that tasks may be in. `none` is always allowed."),
	allowed(policylist.Images, "images, as registry.example/team/*, registry.example/app, busybox:1.36 or an id",
		"Policy: images that tasks may run."),
	allowed(policylist.Capabilities, "capabilities, as NET_ADMIN,SYS_PTRACE or ALL",
		"Policy: kernel capabilities that tasks may add to those that the Engine gives to every container."),
	allowed(policylist.Devices, `devices, as /dev/fuse, /dev/snd:rw, "c 10:200 rwm", gpus, gpus:named or cdi:vendor.example/class`,
		"Policy: devices of the host that tasks may have."),
	allowed(policylist.Namespaces, "of pid:host, pid:container, ipc:host, ipc:container, uts:host, userns:host, cgroup:host, cgroup:container, cgroup:parent",
		"Policy: namespaces of the host or of other containers that tasks may be in."),
	allowed(policylist.VolumeDrivers, "volume drivers, as local, local:nfs or rexray",
		"Policy: drivers of the named volumes that tasks may use."),
	allowed(policylist.Runtimes, "runtimes, as runsc, and annotation:KEY",
		"Policy: OCI runtimes that tasks may choose. The Engine's default is always allowed."),
}

// allowed is the row of a list of what is allowed.
func allowed(name, items, doc string) *flag {
	return &flag{name: name, standard: "*", live: true, doc: doc, bind: func(c *Config) value {
		list := c.Policy.Allowed[name]
		return allowedList{allowedValue(&list, items), func() {
			if c.Policy.Allowed == nil {
				c.Policy.Allowed = map[string][]string{}
			}
			c.Policy.Allowed[name] = list
		}}
	}}
}

// allowedList stores what its value has parsed.
type allowedList struct {
	value
	store func()
}

func (l allowedList) parse(text string) error {
	err := l.value.parse(text)
	if err == nil {
		l.store()
	}
	return err
}

// allowedValue accepts a list with commas, or over several lines, among which
// those that begin with # are comments; or a JSON list, for items with commas.
// An empty list is refused: an admin who empties a file may mean either.
func allowedValue(p *[]string, items string) value {
	read := func(s string) ([]string, error) {
		var list []string
		if strings.HasPrefix(strings.TrimSpace(s), "[") {
			if err := json.Unmarshal([]byte(s), &list); err != nil {
				return nil, errors.New("it begins like a JSON list and is none, of texts")
			}
		} else {
			for line := range strings.Lines(s) {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
					if strings.Contains(line, ";") {
						return nil, errSemicolon
					}
					list = append(list, strings.Split(line, ",")...)
				}
			}
		}
		if len(list) == 0 {
			return nil, errors.New("it is empty, which could mean nothing as well as anything")
		}
		for i, item := range list {
			list[i] = strings.TrimSpace(item)
			if err := checkAllowed(list[i]); err != nil {
				return nil, &itemError{i + 1, list[i], err}
			}
		}
		return list, nil
	}
	return field[[]string]{target: p, read: read, write: formatAllowed, wants: "* for anything, none for nothing, or a list of " + items}
}

// errSemicolon is about lists with commas. An item with a semicolon can stand
// in a list in JSON.
var errSemicolon = errors.New("there is a semicolon in it, and items are separated by commas")

// itemError says what is wrong with one item of a list; the first is number 1.
type itemError struct {
	number int
	item   string
	err    error
}

func (e *itemError) Error() string {
	return fmt.Sprintf("item %d, %q, %v", e.number, strictjson.Shorten(e.item), e.err)
}

func (e *itemError) Unwrap() error { return e.err }

// checkAllowed refuses items that nobody can mean. A decoder of JSON puts
// U+FFFD where it finds half a character, so that too is a slip.
func checkAllowed(item string) error {
	switch {
	case item == "":
		return errors.New("is empty")
	case !utf8.ValidString(item):
		return errors.New("is not UTF-8 text")
	case strings.ContainsRune(item, utf8.RuneError):
		return errors.New("contains U+FFFD, the sign for text that could not be read")
	case strings.ContainsFunc(item, unicode.IsControl):
		return errors.New("contains a control character")
	}
	return nil
}

func formatAllowed(list []string) string {
	for _, item := range list {
		if strings.ContainsAny(item, ",;#[") {
			return marshal(list)
		}
	}
	return strings.Join(list, ",")
}
