package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"

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
All mistakes are shown at once; a flag with a mistake in a file is shown with its built-in value. Secrets are not shown. Settings are
read when the daemon starts, and some by reload: --running shows those that the daemon has, and what its files and flags say otherwise since.

Exit status: 0, or 2 when a setting is wrong; with --running 3 when no daemon answers.
`

// showConfig prints the effective configuration.
func showConfig(own *flag.FlagSet) action {
	asJSON := own.Bool("json", false, "print a JSON array with one object for each setting")
	running := own.Bool("running", false, "the settings of the running daemon, and where its files say otherwise since; with --json one object")
	return func(t terminal, c *config.Config, _ []string) error {
		if *running {
			return t.showRunning(c, *asJSON)
		}
		t.warnMistakes(c)
		t.warnUnusable(c)
		var err error
		if *asJSON {
			err = config.PrintJSON(t.stdout, c.Rows())
		} else {
			err = config.Print(t.stdout, c.Rows())
		}
		if err != nil {
			return err
		}
		if _, err := newPolicy(c); err != nil {
			return withStatus(exitUsage, err)
		}
		if len(c.Mistakes()) > 0 {
			return &exitError{status: exitUsage}
		}
		return nil
	}
}

// runningConfig is what the daemon says of its settings.
type runningConfig struct {
	Settings []config.Row `json:"settings"`

	// Differences are what files and flags say since, and Mistake why the daemon would not start with them, empty if it would.
	Differences []config.Difference `json:"differences"`
	Mistake     string              `json:"mistake,omitempty"`
}

// handleSettings tells admins the running settings at GET /config.
func handleSettings(running func() *config.Config, reread func() (*config.Config, error)) func(*http.ServeMux) {
	return func(mux *http.ServeMux) {
		mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
			c := running()
			answer := runningConfig{Settings: c.Rows(), Differences: []config.Difference{}}
			if now, err := reread(); err != nil {
				answer.Mistake = err.Error()
			} else {
				answer.Differences = config.Differences(c, now)
			}
			answerJSON(w, answer)
		})
	}
}

func answerJSON(w http.ResponseWriter, with any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(with) // an admin who has left needs no answer
}

// showRunning prints the settings of the daemon.
func (t terminal) showRunning(c *config.Config, asJSON bool) error {
	var running runningConfig
	if err := askDaemon(c, http.MethodGet, "/config", psTimeout, &running); err != nil {
		return err
	}
	if running.Mistake == "" { // the daemon has another environment
		t.warnMistakes(c)
	}
	if asJSON {
		return config.PrintJSON(t.stdout, running)
	}
	if err := config.Print(t.stdout, running.Settings); err != nil {
		return err
	}
	for _, d := range running.Differences {
		do := "Restart the daemon to use it; no task notices."
		if d.Live {
			do = "`mesos-docker-containerizer reload` makes the daemon use it."
		}
		fmt.Fprintf(t.stdout, "\nSince the daemon read its settings: %s says %s=%s. %s\n", d.OtherOrigin, d.Name, cmp.Or(d.Other, notSet), do)
	}
	if running.Mistake != "" {
		return withStatus(exitUsage, fmt.Errorf("the daemon would not start again: %s", running.Mistake))
	}
	return nil
}

// notSet stands for an empty value.
const notSet = "(not set)"
