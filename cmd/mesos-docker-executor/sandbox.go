package main

import (
	"os"
	"path/filepath"
)

// inSandbox returns a lookup that knows the sandbox from the working directory, which is the agent's to choose (contract
// 1.3), and not from variables, which are the task's to set: a container must get the sandbox that was made for it. The agent's
// own name of the directory is kept. MESOS_SANDBOX, its name elsewhere, is needed by nobody here and hidden.
//
// A working directory that has been removed has no name, so that then the variables have to do.
func inSandbox(getenv func(string) string) func(string) string {
	directory, err := os.Getwd()
	if err != nil {
		return getenv
	}
	if named := getenv("MESOS_DIRECTORY"); filepath.IsAbs(named) && sameFile(named, directory) {
		directory = named
	}
	return func(name string) string {
		switch name {
		case "MESOS_DIRECTORY":
			return directory
		case "MESOS_SANDBOX":
			return ""
		}
		return getenv(name)
	}
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}
