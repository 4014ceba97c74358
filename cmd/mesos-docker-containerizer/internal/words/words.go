// Package words has what several messages to people are made of.
package words

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Count is "1 task", "2 tasks", for nouns whose plural takes an s.
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Some names the first of a list, as many as a person wants to read: "a, b and 3 more".
func Some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// Page is where the host has a page of the documents. Where it is not installed beside the program, the page is named as in the source.
func Page(name string) string {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err == nil {
		installed := filepath.Join(filepath.Dir(self), "..", "share", "doc", "mesos-docker-containerizer", name)
		if _, err := os.Stat(installed); err == nil {
			return installed
		}
	}
	return "docs/" + name
}

// unitDirectories are where systemd finds units.
var unitDirectories = []string{"/etc/systemd/system", "/run/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system", "/usr/local/lib/systemd/system"}

// AgentUnit is the name of the agent's unit on this host.
func AgentUnit() string {
	const usual = "mesos-slave"
	for _, name := range []string{usual, "mesos-agent"} {
		for _, directory := range unitDirectories {
			if _, err := os.Stat(filepath.Join(directory, name+".service")); err == nil {
				return name
			}
		}
	}
	return usual
}
