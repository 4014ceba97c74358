package config

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"mesos-docker-containerizer/internal/agentflag"

	"go.uber.org/zap/zapcore"
)

// Config is one complete, valid configuration. [Load] makes it; nobody changes
// it afterwards. The rules for each field stand in the table in flags.go.
type Config struct {
	// Containerizers are the names in the agent's flag, without duplicates.
	// Their order means nothing (contract 1.1).
	Containerizers []string
	// ExecutorRegistrationTimeout is zero where nobody set it: the agent's own
	// default of one minute is not taken over. See [Config.PrepareLimit].
	ExecutorRegistrationTimeout time.Duration
	// DockerSocket is the bare path of the Engine's socket.
	DockerSocket string
	// DockerConfig is a JSON object in the form of docker's config.json or of
	// the older .dockercfg; nil where not set. AgentDockerConfig is what the
	// agent's layers say where our own file says something else: then both
	// count, the agent's first.
	DockerConfig      Secret
	AgentDockerConfig Secret
	DockerRemoveDelay time.Duration
	DockerStopTimeout time.Duration
	DockerKillOrphans bool

	ExecutorShutdownGracePeriod time.Duration
	CgroupsEnableCFS            bool
	// DefaultContainerDNS is nil where not set.
	DefaultContainerDNS *agentflag.ContainerDNS
	// SandboxDirectory is where a container sees its sandbox.
	SandboxDirectory string
	// WorkDir and LauncherDir are the agent's; empty where not set.
	WorkDir     string
	LauncherDir string
	// IP, Port and Hostname are where the agent listens. IP is the zero Addr,
	// Hostname empty, where not set; Port 0 is a port of the agent's choice.
	IP       netip.Addr
	Port     uint16
	Hostname string

	// Socket is where executors reach the daemon.
	Socket string
	// SocketGroup is the name or number of the group that may, too; empty for
	// none.
	SocketGroup string
	// RunDir is the daemon's run directory; its identity is the daemon's.
	RunDir                string
	PrepareTimeout        time.Duration
	PullInactivityTimeout time.Duration
	// MaxConcurrentPulls is 0 for no limit.
	MaxConcurrentPulls int
	// PullPolicy is task, always, if_not_present or never.
	PullPolicy string
	// PullFallback is none or cached.
	PullFallback string
	// DeferPull answers an agent's pull before its end.
	DeferPull bool
	// PullProgressInterval is 0 for no progress updates.
	PullProgressInterval time.Duration
	// ImageGCDelay is 0 where images are not removed. ImageGCDiskThreshold is a
	// share from 0 to 1.
	ImageGCDelay         time.Duration
	ImageGCDiskThreshold float64
	ImageGCExclude       []string
	ImageGCDryRun        bool
	OrphanGrace          time.Duration
	// UsernsSandbox and UsernsHost are for Engines that remap users.
	UsernsSandbox, UsernsHost bool

	// CgroupParent is engine or CgroupParentExecutor.
	CgroupParent string
	// CNIConfigurations and CNIPlugins are directories; none where not set.
	CNIConfigurations, CNIPlugins []string

	// HonorCommandUser makes CommandInfo.user the user in the container.
	HonorCommandUser bool
	// LogDriver is empty for the Engine's own default, in which case LogOpts
	// is empty too unless it was set.
	LogDriver string
	LogOpts   map[string]string
	LogLevel  zapcore.Level
	// LogFormat is json or LogConsole.
	LogFormat string
	// MetricsAddress is a host and a port, empty where metrics are shown at the
	// socket for admins only.
	MetricsAddress string
	// MetricsApps is how many apps the metrics name at most.
	MetricsApps int
	// StatusAddress is where the status page is shown, empty for nowhere: the
	// path of a Unix socket, or a loopback address and a port.
	StatusAddress string

	Policy Policy

	origins  map[string]Origin
	unusable []*Mistake
	mistakes []*Mistake
}

// Mistakes are those that a tolerant Load has passed over; without tolerance
// there are none.
func (c *Config) Mistakes() []*Mistake { return c.mistakes }

// CgroupParentExecutor is the CgroupParent below the executor.
const CgroupParentExecutor = "executor"

// LogConsole is the LogFormat for people.
const LogConsole = "console"

// DockerEnabled says whether DOCKER tasks may be launched at all. Where they
// may not, Origin("containerizers") is what the refusal should name.
func (c *Config) DockerEnabled() bool {
	return slices.Contains(c.Containerizers, "docker")
}

// PrepareLimit is the time that pull, create and start of a task may take
// together, and the name of the flag it comes from: what an operator has given
// executors to register where that is set, prepare_timeout otherwise.
func (c *Config) PrepareLimit() (limit time.Duration, flag string) {
	if c.ExecutorRegistrationTimeout > 0 {
		return c.ExecutorRegistrationTimeout, "executor_registration_timeout"
	}
	return c.PrepareTimeout, "prepare_timeout"
}

// Origin says where the value of the named flag comes from. The name must be
// one of the table's; any other gives the zero Origin.
func (c *Config) Origin(name string) Origin {
	return c.origins[name]
}

// Unusable says why values of the agent cannot be used, for flags that the daemon
// itself does not need. These flags have their defaults. A caller that needs some
// of them names these and reports it; without names it is about all flags.
func (c *Config) Unusable(names ...string) []*Mistake {
	var found []*Mistake
	for _, m := range c.unusable {
		if len(names) == 0 || slices.Contains(names, m.Flag) {
			found = append(found, m)
		}
	}
	return found
}

// Layer is a place that flags are set in. A higher layer wins.
type Layer int

// The layers, in rising order.
const (
	BuiltIn Layer = iota
	AgentDefaults
	AgentFiles
	OwnFiles
	Environment
	CommandLine
)

func (l Layer) String() string {
	return [...]string{"built-in", "agent defaults", "agent files", "own files", "environment", "command line"}[l]
}

// agents says whether the layer belongs to the Mesos agent.
func (l Layer) agents() bool {
	return l == AgentDefaults || l == AgentFiles
}

// Origin is where a value was found.
type Origin struct {
	Layer Layer
	// Place names the file (with line and variable where it has several), the
	// variable or the flag, for a person to look at. Empty for built-in.
	Place string
	// File is the file that Place names; empty where it names none.
	File string
	// Names is the file that was named in place of the value, and holds it;
	// empty where the value itself was given.
	Names string
}

func (o Origin) String() string {
	if o.Layer == BuiltIn {
		return "built-in default"
	}
	if o.Names != "" {
		return o.Place + ", which names " + o.Names
	}
	return o.Place
}

// Holds is the file with the value's text, where who can read or change it is
// decided; empty where the value is in no file.
func (o Origin) Holds() string { return cmp.Or(o.Names, o.File) }
