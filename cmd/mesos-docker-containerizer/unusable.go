package main

import (
	"fmt"

	"mesos-docker-containerizer/config"
)

// warnUnusable tells of the agent's words on the flags, or on all without names, that are not understood and are passed over.
func (t terminal) warnUnusable(c *config.Config, flags ...string) {
	for _, m := range c.Unusable(flags...) {
		fmt.Fprintln(t.stderr, "warning: passed over:", m)
	}
}

// warnMistakes tells of what is wrong in files, for a command that does without. The daemon does not.
func (t terminal) warnMistakes(c *config.Config) {
	for _, m := range c.Mistakes() {
		fmt.Fprintf(t.stderr, "warning: passed over for now, and the daemon will not start with it: %v\n", m)
	}
}
