// Package manual describes the command line of the executor, for its manual page. The executor itself does not link it.
package manual

// Program is the executor's name.
const Program = "mesos-docker-executor"

// Description are the paragraphs that say what the program is.
var Description = []string{
	"The Mesos agent starts this program once per task. It runs the task in a Docker container by way of mesos-docker-containerizer, " +
		"which must be running on the host.",
	"It takes the command line of the stock executor of the same name. It ignores flags that neither knows, with a warning, because " +
		"agents of other versions pass other flags. Some of the stock executor's flags have no meaning here.",
}

// Flag is one flag that has a meaning.
type Flag struct {
	Name  string
	Value string // what stands for the value in the text; empty where there is none
	Doc   string
}

// Flags are in the order in which they are shown. A test of the program holds them equal to what it takes.
var Flags = []Flag{
	{"container", "NAME", "The exact name of the container. Agents that run this program in place of the stock executor give it."},
	{"sandbox_directory", "PATH", "The sandbox on the host. Default: the working directory, which the agent sets."},
	{"mapped_directory", "PATH", "The sandbox in the container. Default: the daemon's sandbox_directory."},
	{"task_environment", "JSON", "Variables for the task, an object of texts. They win over the task's own."},
	{"stop_timeout", "DURATION", "Raises the shutdown grace period, as in the stock executor."},
	{"cgroups_enable_cfs", "BOOL", "The agent's setting of this name. For its executors it wins over the daemon's."},
	{"default_container_dns", "JSON", "The agent's setting of this name. For its executors it wins over the daemon's."},
	{"docker_socket", "PATH", "The socket of the agent's Docker Engine. If the daemon has another one, the executor warns, and nothing else changes."},
	{"network_cni_config_dir", "PATHS", "Where agents of ClusterD look for CNI configurations: directories separated by colons. The daemon joins " +
		"a task to the networks that it names in network_infos and that are defined there."},
	{"network_cni_plugins_dir", "PATHS", "Where the programs of these networks are: directories separated by colons."},
	{"logging_level", "LEVEL", "INFO, WARNING or ERROR. Default: WARNING."},
	{"protocol", "v0|v1", "How to speak with the agent: v0 is libprocess, v1 the executor HTTP API. Default: v0 with --container, because agents " +
		"recover no other executor of their docker containerizer, else v1."},
	{"socket", "PATH", "The daemon's socket. Default: the content of /etc/mesos-docker-containerizer/socket."},
	{"route", "local", "Set by mesos-docker-containerizer run."},
	{"version", "", "Print the version and exit."},
}
