// Package report describes what a process inside a container sees of its world.
//
// The probe program collects a Report in the container and prints it as JSON; a test decodes it into the same type and
// compares. A test thus asserts on what a task would find, not on what was asked of the Engine.
//
// Only Linux is covered, and only the standard library is used: the package is linked into a program that runs in images
// without anything else.
package report

import (
	"os"
	"strings"
)

// Report is one process's view. Lists are in the kernel's order.
type Report struct {
	Argv       []string            `json:"argv"`
	Env        []string            `json:"env"`
	Cwd        string              `json:"cwd"`
	PID        int                 `json:"pid"`
	UID        int                 `json:"uid"`
	GID        int                 `json:"gid"`
	Groups     []int               `json:"groups"`
	Hostname   string              `json:"hostname"`
	Status     map[string]string   `json:"status"` // /proc/self/status, e.g. CapEff, NoNewPrivs, Seccomp
	Limits     map[string]Limit    `json:"limits"` // /proc/self/limits by name, e.g. "Max open files"
	Mounts     []Mount             `json:"mounts"`
	Listening  []Socket            `json:"listening"`  // in the whole network namespace
	Interfaces map[string][]string `json:"interfaces"` // addresses in CIDR form by interface name
	Files      map[string]File     `json:"files"`      // by the path that was asked for
	Errors     []string            `json:"errors,omitempty"`
}

// Limit is a resource limit as /proc/self/limits prints it: a number or "unlimited".
type Limit struct {
	Soft string `json:"soft"`
	Hard string `json:"hard"`
}

// Getenv returns the value of the last entry for name, as a process looking it up would mostly find it, and whether there is
// one.
func (r *Report) Getenv(name string) (string, bool) {
	for i := len(r.Env) - 1; i >= 0; i-- {
		if k, v, _ := strings.Cut(r.Env[i], "="); k == name {
			return v, true
		}
	}
	return "", false
}

// Collect looks around and at each of the paths. What cannot be read is named in Errors and does not stop the rest.
func Collect(paths []string) *Report {
	r := &Report{
		Argv:  os.Args,
		Env:   os.Environ(),
		PID:   os.Getpid(),
		UID:   os.Getuid(),
		GID:   os.Getgid(),
		Files: make(map[string]File, len(paths)),
	}
	note := func(err error) {
		if err != nil {
			r.Errors = append(r.Errors, err.Error())
		}
	}
	var err error
	r.Cwd, err = os.Getwd()
	note(err)
	r.Groups, err = os.Getgroups()
	note(err)
	r.Hostname, err = os.Hostname()
	note(err)
	r.Status, err = status()
	note(err)
	r.Limits, err = limits()
	note(err)
	r.Mounts, err = mounts()
	note(err)
	r.Listening, err = listening()
	note(err)
	r.Interfaces, err = interfaces()
	note(err)
	for _, p := range paths {
		r.Files[p] = look(p)
	}
	return r
}
