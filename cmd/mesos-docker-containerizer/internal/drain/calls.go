// Package drain is what it takes to empty a host: the calls to the master, and the wait for the tasks to go.
//
//	calls := drain.CallsFor(state, problem, time.Now())
//	fmt.Print(calls.Now)
//	left, err := drain.Wait(ctx, watch)
//	fmt.Print(calls.Later)
//
// It calls no master itself: that needs the credentials of an operator.
package drain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/tasklist"
)

// Calls are lines for a shell: comments, and calls of curl to a master. Each has all lines with their ends.
type Calls struct {
	Now   string // what starts the drain
	Later string // what to call when no task is left
}

// CallsFor makes the calls for an agent. The problem is why the agent could not be asked, or nil; for what is not known the calls have
// placeholders, and a comment says why. A schedule begins at now.
//
// The agent's own version decides which calls there are, since masters are upgraded first: the master refuses DRAIN_AGENT
// for an agent before 1.9 (src/master/http.cpp, drainAgent), and has maintenance from 0.25 on (docs/maintenance.md of Mesos).
func CallsFor(s liveagent.State, problem error, now time.Time) Calls {
	s.Scheme = cmp.Or(s.Scheme, "http")
	var missing []string
	for name, value := range map[string]*string{"AGENT_ID": &s.ID, "HOSTNAME": &s.Hostname, "IP": &s.IP, "MASTER:5050": &s.Master} {
		if *value == "" {
			*value = name
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	version, err := liveagent.ParseVersion(s.Version)
	unknown := err != nil
	var c Calls
	switch {
	case unknown:
		older := byMaintenance(s, now)
		c = byDrain(s)
		c.Now = "# For Mesos 1.9 and newer:\n" + c.Now + "# For Mesos 0.25 to 1.8:\n" + older.Now
		c.Later = "# For Mesos 1.9 and newer:\n" + c.Later + "# For Mesos 0.25 to 1.8:\n" + older.Later
	case version.Before(0, 25, 0):
		return Calls{Now: fmt.Sprintf("# A master of Mesos %s cannot drain: move the tasks by their frameworks.\n", version)}
	case version.Before(1, 9, 0):
		c = byMaintenance(s, now)
	default:
		c = byDrain(s)
	}
	c.Now += reason(s, missing, problem, unknown)
	return c
}

// reason is a comment on what is not known, empty if that is nothing.
func reason(s liveagent.State, missing []string, problem error, unknown bool) string {
	var text strings.Builder
	if len(missing) > 0 {
		why := "it is registered with no master now, or its master's address has no name"
		if problem != nil {
			why = problem.Error()
		}
		fmt.Fprintf(&text, "# Put in the values of %s, which the agent did not tell: %s\n", strings.Join(missing, ", "), tasklist.Clean(why))
	}
	if unknown {
		fmt.Fprintf(&text, "# The agent's version is not known (it says %q): take the calls that fit it.\n", s.Version)
	}
	return text.String()
}

func byDrain(s liveagent.State) Calls {
	call := func(kind, field string) string {
		return curl(s, "/api/v1", fmt.Sprintf(`{"type":"%s","%s":{"agent_id":{"value":"%s"}}}`, kind, field, s.ID))
	}
	return Calls{
		Now:   "# This ends all tasks of the agent, each within its grace period, and the agent gets no others. It cannot be taken back:\n" + call("DRAIN_AGENT", "drain_agent"),
		Later: "# When the work on the host is done and the agent runs, give it tasks again:\n" + call("REACTIVATE_AGENT", "reactivate_agent"),
	}
}

func byMaintenance(s liveagent.State, now time.Time) Calls {
	machine := fmt.Sprintf(`{"hostname":"%s","ip":"%s"}`, s.Hostname, s.IP)
	schedule := fmt.Sprintf(`{"windows":[{"machine_ids":[%s],"unavailability":{"start":{"nanoseconds":%d}}}]}`, machine, now.UnixNano())
	return Calls{
		Now: "# See the schedule. If it has windows, add them to those of the next call, which replaces it:\n" + curl(s, "/maintenance/schedule", "") +
			"# This asks frameworks to leave the host. Those that know no maintenance stay: move their tasks by themselves.\n" +
			curl(s, "/maintenance/schedule", schedule),
		Later: "# This shuts the agent down, with the tasks that it has then, and keeps it from coming back:\n" + curl(s, "/machine/down", "["+machine+"]") +
			"# When the work on the host is done, and before the agent is started; this takes it from the schedule, too:\n" +
			curl(s, "/machine/up", "["+machine+"]"),
	}
}

// curl is a call that shows the answer, with its status, and follows a master that is not the leader to the one that is: by status 307,
// which keeps the method. Nothing in it needs more than single quotes, see liveagent.State.
func curl(s liveagent.State, path, body string) string {
	if body != "" {
		body = " -H 'Content-Type: application/json' -d '" + body + "'"
	}
	return "curl -sSiL" + body + " '" + s.Scheme + "://" + s.Master + path + "'\n"
}
