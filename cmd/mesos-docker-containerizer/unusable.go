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
