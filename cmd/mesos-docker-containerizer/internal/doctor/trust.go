package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
	"mesos-docker-containerizer/config"
)

// policy says which rules are set. That none is set is how stock is, and no mistake.
func (d *doctor) policy(context.Context) finding {
	var set []string
	for _, s := range d.Config.Rows() {
		if (strings.HasPrefix(s.Name, "allow_") || strings.HasPrefix(s.Name, "allowed_")) && d.Config.Origin(s.Name).Layer != config.BuiltIn {
			set = append(set, s.Name)
		}
	}
	others := ""
	if d.Config.SocketGroup != "" {
		others = "; executors of other users (socket_group) get only what a rule allows"
	}
	if len(set) == 0 {
		return ok("open: all who can launch tasks can do on this host what Docker can, as with stock (%s)%s", words.Page("policy.md"), others)
	}
	return ok("%s: %s%s", words.Count(len(set), "rule"), strings.Join(set, ", "), others)
}

// credentials looks at who has the registry credentials and who can read them, never at what they are.
func (d *doctor) credentials(context.Context) finding {
	var all findings
	origin := d.Config.Origin("docker_config")
	switch layer := origin.Layer; {
	case origin.Holds() != "":
		if f := private(origin.Holds()); f.Status != OK {
			all = append(all, f)
		}
	case layer == config.CommandLine || layer == config.Environment:
		all = append(all, warning("docker_config comes from "+origin.String()+", where others can read it", "put it into /etc/mesos-docker-containerizer/docker_config with mode 600"))
	}
	if strings.HasPrefix(strings.TrimSpace(d.flags()["docker_config"]), "{") {
		all = append(all, warning("the agent tells its registry credentials to all who ask GET /flags", "unset docker_config for the agent and put it into /etc/mesos-docker-containerizer/docker_config, where the daemon finds it; or let the agent authenticate (authenticate_http_readonly)"))
	}
	if d.flags()["docker_config"] != "" && d.Config.DockerConfig == nil && d.Config.AgentDockerConfig == nil {
		all = append(all, warning("the agent has a docker_config that the daemon does not know: a task that pulls by itself, because its agent's pull failed, has no credentials",
			"put it into /etc/mesos-docker-containerizer/docker_config with mode 600, and restart the daemon"))
	}
	if origin.Layer == config.BuiltIn {
		return all.joined("docker_config is not set: pulls use what tasks bring")
	}
	return all.joined("docker_config is set and private")
}

// private looks at who can read or change a file of credentials.
func private(path string) finding {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return failed("docker_config names "+path+", which is missing", "put the file there")
		}
		return failed(fmt.Sprintf("docker_config: %s: %v", path, err), "run doctor as root")
	}
	if stat.Uid != 0 || stat.Mode&0o077 != 0 {
		return warning(fmt.Sprintf("others than root can read or change %s, which holds registry credentials (owner %d, mode %04o)", path, stat.Uid, stat.Mode&0o7777),
			"chown root "+path+"; chmod 600 "+path)
	}
	return ok("%s", path)
}
