package record

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// killed is the exit status after a SIGKILL. The Engine may miss that the kernel sent it for lack of memory, within moments of a start.
const killed = 137

// Advice is the next step for a person; empty where there is nothing to do.
func (r *Record) Advice() string {
	switch {
	case r.Stopped:
		return fmt.Sprintf("kill -CONT %d: the executor is stopped (SIGSTOP), so that Mesos hears of no end and no kill arrives", r.Process.PID)
	case r.End == nil:
		return r.adviceAlive()
	case r.Refusal != nil:
		return fmt.Sprintf("take it out of the task, or change %s (%s) and run `mesos-docker-containerizer reload`", r.Refusal.Rule,
			cmp.Or(r.Refusal.Source, "/etc/mesos-docker-containerizer/"+r.Refusal.Rule))
	case r.Stop != nil && len(r.Probes) > 0:
		return r.readOutput("look at what the task printed before it failed its health check")
	case r.Stop != nil:
		return ""
	case r.End.Outcome == "unknown":
		return "look at the logs of the daemon and of the Engine: journalctl -u mesos-docker-containerizer -u docker"
	case r.End.OOM:
		return fmt.Sprintf("give the task more than %s of memory, or make it need less", bytesText(r.limit()))
	case r.End.Outcome == "failed" && (r.failedIn() == Pulling || r.failedIn() == Retrying):
		return r.advicePull()
	case r.End.Outcome == "failed" && r.End.Fault == "task":
		return fmt.Sprintf("correct the task, which failed while %s", r.failedIn())
	case r.End.Outcome == "failed":
		return fmt.Sprintf("mend this host, on which the task failed while %s; `mesos-docker-containerizer doctor` checks it", r.failedIn())
	case r.End.Code == killed:
		return "find out who sent SIGKILL; it was the kernel, for lack of memory, if `dmesg` shows that; " + r.readOutput("the task may have printed more")
	case r.End.Code != 0:
		return r.readOutput("look at what the task printed last")
	}
	return ""
}

func (r *Record) adviceAlive() string {
	switch r.State() {
	case Waiting:
		return "see why the Engine does not answer: systemctl status docker"
	case Pulling, Retrying:
		if r.Pull != nil {
			return "nothing if the registry comes back; see whether this host reaches it: " + r.askRegistry()
		}
	case Unhealthy:
		return r.readOutput("look at what the task prints")
	}
	return ""
}

// advicePull is about a pull that has failed for good. The kinds are those of docs/images.md.
func (r *Record) advicePull() string {
	kind := ""
	if r.Pull != nil {
		kind = r.Pull.Kind
	}
	switch kind {
	case "not_found", "invalid", "wrong_platform":
		return "correct the image of the task: " + r.Asked.Image
	case "denied", "credentials":
		return "check the credentials for " + r.registry() + " (docs/images.md, \"Credentials\")"
	case "not_pulled":
		return "load the image on this host, or change pull_policy"
	case "unknown_host":
		return "check the registry's name and the name servers of this host: getent hosts " + strings.Split(r.registry(), ":")[0]
	case "disk_full":
		return "make room on the Engine's disk: `mesos-docker-containerizer images gc`, docker system df"
	case "no_engine":
		return "see why the Engine does not answer: systemctl status docker"
	}
	return "see whether this host reaches the registry: " + r.askRegistry()
}

// registry is the host of the image's registry.
func (r *Record) registry() string {
	named, err := reference.ParseNormalizedNamed(r.Asked.Image)
	if err != nil {
		return "the registry"
	}
	return reference.Domain(named)
}

func (r *Record) askRegistry() string {
	host := r.registry()
	if host == "docker.io" {
		host = "registry-1.docker.io"
	}
	return "curl -v https://" + host + "/v2/"
}

// failedIn is the last state before the end.
func (r *Record) failedIn() State {
	if n := len(r.Steps); n > 1 {
		return r.Steps[n-2].State
	}
	return ""
}

// readOutput names the file in which the task's errors are, if it is there.
func (r *Record) readOutput(advice string) string {
	switch {
	case !r.sandboxGone:
		return advice + ": " + strings.TrimSuffix(r.Sandbox, "/") + "/stderr"
	case r.Route == "local":
		return "what the task printed is gone with its sandbox; `run --keep-sandbox` keeps it"
	}
	return "what the task printed is gone with its sandbox, which the agent keeps for its gc_delay"
}
