package main

import (
	"flag"

	"mesos-docker-containerizer/config"
)

const configUsage = `
Usage: mesos-docker-containerizer config [FLAG...]

Shows every setting with its value and where that comes from. Settings are files, one a flag: the file's name is the flag and its
content the value, as in /etc/mesos-slave and /etc/mesos-agent. Later places win:

  built in
  /etc/default/mesos, /etc/default/mesos-slave        variables MESOS_*, the agent's
  /etc/mesos-slave/                                   the agent's files
  /etc/mesos-docker-containerizer/                    our own files
  variables MESOS_DOCKER_CONTAINERIZER_*              of the environment
  flags                                               of the command line

Files named mesos-agent in place of mesos-slave count as much; a flag that is set differently in both is a mistake.
All mistakes are shown at once. Secrets are not shown. Settings are read when the daemon starts.

Exit status: 0, or 2 when a setting is wrong.
`

// showConfig prints the effective configuration.
func showConfig(own *flag.FlagSet) action {
	asJSON := own.Bool("json", false, "print a JSON array with one object for each setting")
	return func(t terminal, c *config.Config, _ []string) error {
		t.warnUnusable(c)
		show := config.Print
		if *asJSON {
			show = config.PrintJSON
		}
		return show(t.stdout, c)
	}
}
