package config

import "time"

// flag is one row of the table that everything about a flag follows from.
type flag struct {
	name string
	// agents says that the flag is the agent's, so it is honoured in the
	// agent's files too. A flag of our own is not looked for there.
	agents bool
	// standard is the default, in the syntax of the flag.
	standard string
	// optional flags may be given an empty value, which means not set.
	optional bool
	// others flags are of no use to the daemon: run, doctor and setup look at
	// them. A wrong value of the agent does not keep the daemon from starting.
	others bool
	// secret values are shown to nobody.
	secret bool
	// live flags can change under a running daemon, by a reload.
	live bool
	// bind gives the field of c that holds the flag's value.
	bind func(c *Config) value
	// doc says in a sentence or two what the flag does.
	doc string
}

// restart says what makes a change take effect. Executors, labels of containers
// and sockets have been made with the values of most flags, so these need a new
// daemon. The agent, where it has the flag too, reads it at its own start only.
func (f *flag) restart() string {
	text := "restart of the daemon"
	if f.live {
		text = "reload"
	}
	if f.agents {
		text += "; restart of the agent"
	}
	return text
}

// flags is the table, the agent's flags first. The rows of the policy stand in
// policy.go.
var flags = append([]*flag{
	{
		name: "containerizers", agents: true, standard: "docker,mesos",
		bind: func(c *Config) value { return containerizersValue(&c.Containerizers) },
		doc: "The agent's containerizers. Without `docker` among them, tasks with a DOCKER container are refused. " +
			"The agent's own default is `mesos`; here, where nobody has set the flag, `docker,mesos` is assumed.",
	},
	{
		name: "executor_registration_timeout", agents: true, optional: true,
		bind: func(c *Config) value { return optionalDurationValue(&c.ExecutorRegistrationTimeout) },
		doc: "Where set, pull, create and start of a task may take this long together, in place of `prepare_timeout`. " +
			"The agent's own default of 1mins is not taken over.",
	},
	{
		name: "docker_socket", agents: true, standard: "/var/run/docker.sock",
		bind: func(c *Config) value { return socketValue(&c.DockerSocket) },
		doc:  "The Docker Engine's socket.",
	},
	{
		name: "docker_config", agents: true, optional: true, secret: true, live: true,
		bind: func(c *Config) value { return dockerConfigValue(&c.DockerConfig) },
		doc: "Registry credentials for tasks that bring none of their own: the content of a docker `config.json` or `.dockercfg`, or its path. " +
			"Where `/etc/mesos-docker-containerizer` sets it too, both count, the agent's first. It is never shown.",
	},
	{
		name: "docker_remove_delay", agents: true, standard: "6hrs",
		bind: func(c *Config) value { return durationValue(&c.DockerRemoveDelay, 0, 0) },
		doc:  "How long a stopped container of a task that the agent's docker containerizer started is kept before it is removed.",
	},
	{
		name: "docker_stop_timeout", agents: true, standard: "0ns",
		bind: func(c *Config) value { return durationValue(&c.DockerStopTimeout, 0, 0) },
		doc:  "The least time between the stop signal and SIGKILL. Deprecated by Mesos in favour of a task's kill policy.",
	},
	{
		name: "docker_kill_orphans", agents: true, standard: "true",
		bind: func(c *Config) value { return boolValue(&c.DockerKillOrphans) },
		doc:  "Whether containers whose executor is gone are stopped.",
	},
	{
		name: "docker_mesos_image", agents: true, optional: true,
		bind: func(*Config) value {
			return refusedValue("executors inside containers of their own cannot reach the daemon; run the agent on the host")
		},
		doc: "Refused with any value: it makes the agent start each executor in a container of its own, from where the daemon cannot be reached.",
	},
	{
		name: "executor_shutdown_grace_period", agents: true, standard: "5secs",
		bind: func(c *Config) value { return durationValue(&c.ExecutorShutdownGracePeriod, 0, 0) },
		doc:  "How long an executor has for its shutdown where the framework does not say.",
	},
	{
		name: "cgroups_enable_cfs", agents: true, standard: "false",
		bind: func(c *Config) value { return boolValue(&c.CgroupsEnableCFS) },
		doc: "Whether the `cpus` of a task are a hard limit too, and not only a share. " +
			"On the drop-in route the running agent's own value wins: it gives it to the executor.",
	},
	{
		name: "default_container_dns", agents: true, optional: true,
		bind: func(c *Config) value { return dnsValue(&c.DefaultContainerDNS) },
		doc: "DNS settings of containers on BRIDGE and USER networks whose task has none: JSON, or the path of a file with it. " +
			"On the drop-in route the running agent's own value wins: it gives it to the executor.",
	},
	{
		name: "sandbox_directory", agents: true, standard: "/mnt/mesos/sandbox",
		bind: func(c *Config) value { return pathValue(&c.SandboxDirectory) },
		doc:  "Where a container sees its sandbox.",
	},
	{
		name: "work_dir", agents: true, optional: true,
		bind: func(c *Config) value { return pathValue(&c.WorkDir) },
		doc:  "The agent's work directory, below which sandboxes lie.",
	},
	{
		name: "launcher_dir", agents: true, others: true, optional: true,
		bind: func(c *Config) value { return pathValue(&c.LauncherDir) },
		doc:  "The directory that the agent starts its helper programs and `mesos-docker-executor` from.",
	},
	{
		name: "ip", agents: true, others: true, optional: true,
		bind: func(c *Config) value { return ipValue(&c.IP) },
		doc:  "The address that the agent listens on. A plain `IP=` in the agent's defaults sets it too.",
	},
	{
		name: "port", agents: true, others: true, standard: "5051",
		bind: func(c *Config) value { return portValue(&c.Port) },
		doc:  "The port that the agent listens on; 0 is one of its own choice.",
	},
	{
		name: "hostname", agents: true, others: true, optional: true,
		bind: func(c *Config) value { return hostnameValue(&c.Hostname) },
		doc:  "The name under which the agent announces itself.",
	},
	{
		name: "socket", standard: "/run/mesos-docker-containerizer/executor.sock",
		bind: func(c *Config) value { return socketValue(&c.Socket) },
		doc:  "The socket on which the daemon listens for executors.",
	},
	{
		name: "socket_group", optional: true,
		bind: func(c *Config) value { return groupValue(&c.SocketGroup) },
		doc: "The group that may connect to the socket, for executors that do not run as root (custom executors with a user). They get only what policy files allow, and `work_dir` must be set. " +
			"Without it, the socket is root's alone.",
	},
	{
		name: "run_dir", standard: "/run/mesos-docker-containerizer",
		bind: func(c *Config) value { return pathValue(&c.RunDir) },
		doc:  "The daemon's run directory. Its identity marks the containers as this daemon's; a second daemon on it refuses to start.",
	},
	{
		name: "prepare_timeout", standard: "15mins",
		bind: func(c *Config) value { return durationValue(&c.PrepareTimeout, time.Second, 7*24*time.Hour) },
		doc:  "How long pull, create and start of a task may take together, where `executor_registration_timeout` is not set.",
	},
	{
		name: "pull_inactivity_timeout", standard: "5mins",
		bind: func(c *Config) value { return durationValue(&c.PullInactivityTimeout, time.Second, 24*time.Hour) },
		doc:  "How long a pull may go without any progress before it is given up.",
	},
	{
		name: "max_concurrent_pulls", standard: "5",
		bind: func(c *Config) value { return countValue(&c.MaxConcurrentPulls, 1000) },
		doc:  "How many images may be pulled at once; others wait in the order in which they were asked for. 0 is no limit. Tasks that wait for the same image need one pull.",
	},
	{
		name: "pull_policy", standard: "task",
		bind: func(c *Config) value {
			return choiceValue(&c.PullPolicy, "task", "always", "if_not_present", "never")
		},
		doc: "When a registry is asked for an image: `task` if the image is absent or the task forces it (`forcePullImage`), `always` at each launch, " +
			"`if_not_present` if it is absent whatever the task says, `never`.",
	},
	{
		name: "pull_fallback", standard: "none",
		bind: func(c *Config) value { return choiceValue(&c.PullFallback, "none", "cached") },
		doc: "What is done when a registry that has to be asked for an image has an outage: with `none` the task fails, " +
			"with `cached` it gets the image that is present, if there is one, and its TASK_RUNNING says so.",
	},
	{
		name: "defer_pull", standard: "true",
		bind: func(c *Config) value { return boolValue(&c.DeferPull) },
		doc: "Whether the agent's `docker pull` is answered when the pull has begun, so that the executor starts at once, registers in time, " +
			"waits for the image itself and reports progress and failures. Without it the agent waits, as with the stock containerizer, " +
			"and a pull that outlasts `executor_registration_timeout` fails the task.",
	},
	{
		name: "pull_progress_interval", standard: "10secs", live: true,
		bind: func(c *Config) value { return durationValue(&c.PullProgressInterval, 0, 24*time.Hour) },
		doc: "The time between the first two TASK_STARTING updates that tell of the progress of a pull. It grows from one to the next, and a task sends ten at most. " +
			"0secs turns them off.",
	},
	{
		name: "image_gc_delay", standard: "0ns", live: true,
		bind: func(c *Config) value { return durationValue(&c.ImageGCDelay, 0, 0) },
		doc: "Images that were pulled for tasks since this flag was set are removed when nothing has used them for this long. 0ns turns that off. " +
			"Images that came to the host in another way, or have another name, are never removed.",
	},
	{
		name: "image_gc_disk_threshold", standard: "0%", live: true,
		bind: func(c *Config) value { return percentValue(&c.ImageGCDiskThreshold) },
		doc:  "Images are removed only while more than this share of the Docker Engine's disk is in use, those first that were not used for longest.",
	},
	{
		name: "image_gc_exclude", optional: true, live: true,
		bind: func(c *Config) value { return patternsValue(&c.ImageGCExclude) },
		doc:  "Images that are never removed: names with or without a tag, where `*` stands for anything.",
	},
	{
		name: "image_gc_dry_run", standard: "false", live: true,
		bind: func(c *Config) value { return boolValue(&c.ImageGCDryRun) },
		doc:  "Whether images that are due for removal are only named in the log.",
	},
	{
		name: "orphan_grace", standard: "30secs",
		bind: func(c *Config) value { return durationValue(&c.OrphanGrace, 0, 24*time.Hour) },
		doc:  "How long the daemon waits for an executor that it cannot see to come back, before it takes the container for an orphan.",
	},
	{
		name: "network_cni_config_dir", optional: true,
		bind: func(c *Config) value { return pathsValue(&c.CNIConfigurations) },
		doc: "Where the configurations of CNI networks are that tasks may name in `network_infos`: directories with colons between them. " +
			"The agent's files do not count, for there it is for tasks of the Mesos containerizer; on the drop-in route the executor brings what a ClusterD agent says.",
	},
	{
		name: "network_cni_plugins_dir", optional: true,
		bind: func(c *Config) value { return pathsValue(&c.CNIPlugins) },
		doc:  "Where the plugins of these networks are: directories with colons between them.",
	},
	{
		name: "honor_command_user", standard: "false",
		bind: func(c *Config) value { return boolValue(&c.HonorCommandUser) },
		doc: "Whether a task runs as the user of its CommandInfo (Marathon's `user`), a name of the image or a number. The stock containerizer ignores it " +
			"and takes the image's user, and so does the daemon unless told otherwise: Marathon sets it for apps that never ran as that user.",
	},
	{
		name: "userns_sandbox", standard: "false",
		bind: func(c *Config) value { return boolValue(&c.UsernsSandbox) },
		doc: "Whether a task may write its sandbox where the Engine remaps users (userns-remap). The sandbox and what is in it get the group of the containers' root, " +
			"which may read and write; the owners stay, so agent and fetcher work as before.",
	},
	{
		name: "userns_host", standard: "false",
		bind: func(c *Config) value { return boolValue(&c.UsernsHost) },
		doc: "Whether tasks on the host's network, with `pid=host`, or privileged run in the host's user namespace where the Engine remaps users, as with the docker parameter `userns=host`. " +
			"`allowed_namespaces` has to allow `userns:host`. Otherwise they fail.",
	},
	{
		name: "cgroup_parent", standard: "engine",
		bind: func(c *Config) value { return choiceValue(&c.CgroupParent, "engine", CgroupParentExecutor) },
		doc: "Where the control groups of containers of custom executors lie: where the Engine puts them, or with `executor` below the group that the agent has made for their executor, " +
			"so that the agent's statistics and limits include the container (docs/custom-executor.md, \"What the agent does to a container\"). " +
			"It needs an Engine with the cgroupfs driver. A task's own `cgroup-parent` wins.",
	},
	{
		name: "log_driver", standard: "local", optional: true,
		bind: func(c *Config) value { return logDriverValue(&c.LogDriver) },
		doc: "The Engine's log driver for tasks that choose none. Sandboxes have the output in any case, so what the Engine keeps is only for `docker logs` and for restarts of the Engine. " +
			"An empty value leaves the choice to the Engine.",
	},
	{
		name: "log_opts", standard: "max-size=5m,max-file=2,compress=false", optional: true,
		bind: func(c *Config) value { return logOptsValue(&c.LogOpts) },
		doc: "Options of the log driver, as a list or a JSON object, in the Engine's own syntax. A value replaces the whole default. " +
			"The default applies to the driver `local` only; any other has no options unless they are set.",
	},
	{
		name: "metrics_address", optional: true,
		bind: func(c *Config) value { return addressValue(&c.MetricsAddress) },
		doc: "Where metrics are shown over TCP to everybody who asks, in Prometheus' format, such as 127.0.0.1:9405. They name no task, image or registry, and apps only with `metrics_apps`. " +
			"The daemon's socket for admins shows them in any case.",
	},
	{
		name: "metrics_apps", standard: "0",
		bind: func(c *Config) value { return countValue(&c.MetricsApps, 1000) },
		doc: "Of how many apps at most the metrics show what their tasks use, under the app's name, to all who can read the metrics; 200 is enough for most hosts. " +
			"The tasks of all others are counted together as `other`. With 0 no metric names an app.",
	},
	{
		name: "status_address", optional: true,
		bind: func(c *Config) value { return localAddressValue(&c.StatusAddress) },
		doc: "Where a page for browsers shows the tasks of this host, what they use, pulls, the last failures and the settings that were changed, such as " +
			"/run/mesos-docker-containerizer/status.sock, which is root's alone, or 127.0.0.1:9406, where every user and every task on the host's network can read it.",
	},
	{
		name: "log_format", standard: "json",
		bind: func(c *Config) value { return choiceValue(&c.LogFormat, "json", LogConsole) },
		doc:  "How the daemon logs: `json`, one object a line, or `console`, text for people.",
	},
	{
		name: "log_level", standard: "info", live: true,
		bind: func(c *Config) value { return logLevelValue(&c.LogLevel) },
		doc:  "How much the daemon logs: `debug`, `info`, `warn` or `error`.",
	},
}, policyFlags...)

// byName finds a row of the table; nil where there is none.
func byName(name string) *flag {
	return flagIndex[name]
}

var flagIndex = func() map[string]*flag {
	index := make(map[string]*flag, len(flags))
	for _, f := range flags {
		index[f.name] = f
	}
	return index
}()

// form asks the flag's kind of value, which does not depend on a Config.
func (f *flag) form() form {
	return f.bind(new(Config)).form()
}
