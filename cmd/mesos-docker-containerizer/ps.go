package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"text/tabwriter"
	"time"

	"mesos-docker-containerizer/containerizer"
)

const psUsage = `
Usage: mesos-docker-containerizer ps [FLAG...]

Lists the tasks of the daemon on this host (the one on --run_dir) and what each is doing: waiting, pulling and how far, running,
ended. Containers whose executors are not attached are not listed; the docker command shows them with
--filter label=mesos-docker-containerizer.instance.

Exit status: 0, 2 when a flag or setting is wrong, 3 when no daemon answers.
`

// psTimeout bounds the daemon's answer.
const psTimeout = 10 * time.Second

// ps asks the daemon for its tasks.
func ps(t terminal, args []string) int {
	asJSON := false
	a := newArguments("ps", psUsage)
	a.own.BoolVar(&asJSON, "json", false, "one JSON list instead of a table")
	if a.wantsHelp(t.stdout, args) {
		return exitOK
	}
	c, positional, err := a.parse(t.environ, args)
	if err == nil {
		err = nothingElse(positional)
	}
	if err != nil {
		return t.problem(exitUsage, err)
	}
	socket := filepath.Join(c.RunDir, containerizer.AdminSocket)
	reports, err := askTasks(socket)
	if err != nil {
		return t.problem(exitEnvironment, fmt.Errorf("no daemon answers at %s: %w; is it running (systemctl status mesos-docker-containerizer), and are you root?", socket, err))
	}
	if asJSON {
		err = json.NewEncoder(t.stdout).Encode(reports)
	} else {
		err = printTasks(t.stdout, reports, time.Now())
	}
	if err != nil {
		return t.problem(exitFailed, err)
	}
	return exitOK
}

func askTasks(socket string) ([]containerizer.TaskReport, error) {
	client := http.Client{Timeout: psTimeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	answer, err := client.Get("http://daemon/tasks")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", answer.Status)
	}
	var reports []containerizer.TaskReport
	return reports, json.NewDecoder(answer.Body).Decode(&reports)
}

func printTasks(w io.Writer, reports []containerizer.TaskReport, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "TASK\tFRAMEWORK\tEXECUTOR PID\tCONTAINER\tFOR\tSTATE")
	for _, r := range reports {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", r.Task, r.Framework, r.PID, r.Container,
			now.Sub(r.Since).Round(time.Second), r.State)
	}
	return table.Flush()
}
