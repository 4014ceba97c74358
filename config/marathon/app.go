package marathon

import "time"

// App is one app of a document, normalised to the form of Marathon 1.5 and later. Only Parse makes Apps, so every App is sound.
type App struct {
	ID        string   // absolute, "/group/app"
	Instances int      // tasks to launch; Build makes one of them
	Notes     []string // what the app says that has no effect on its tasks, with the reason; for a person to read

	path        pathID
	enforceRole bool

	cmd  string // exclusive with args; both empty runs what the image says
	args []string
	user string
	env  []pair

	cpus, mem, disk   float64 // mem and disk in MB
	limits            map[string]float64
	executor          string // "" is the command executor, else a path
	executorResources *executorResources

	labels    []pair
	fetch     []artifact
	container container
	network   network
	ports     []port
	required  bool // take the service ports as host ports (requirePorts)

	killGrace   *time.Duration
	healthCheck *healthCheck // the one that Mesos performs, if any
	check       *check
}

type executorResources struct{ cpus, mem, disk float64 }

type artifact struct {
	uri                        string
	extract, executable, cache bool
	outputFile                 string
}

// network is the single network of a DOCKER app. Host, bridge and container are the modes of Marathon 1.5; none was passed through
// to Docker by Marathon up to 1.4 and has, like host, port definitions instead of mappings.
type network struct {
	mode networkMode
	name string // container mode only
}

type networkMode string

const (
	modeHost      networkMode = "host"
	modeNone      networkMode = "none"
	modeBridge    networkMode = "container/bridge"
	modeContainer networkMode = "container"
)

// mapped says whether ports are mapped from the host into the container.
func (m networkMode) mapped() bool { return m == modeBridge || m == modeContainer }

type container struct {
	image                      string // "" for an app that has no container, which only one with a path executor can be
	privileged, forcePull, tty bool
	parameters                 []pair
	volumes                    []volume
}

// volume has exactly one of hostPath, external and persistentMB.
type volume struct {
	containerPath string
	readOnly      bool
	hostPath      string
	external      *externalVolume
	persistentMB  int
}

type externalVolume struct{ driver, name string }

// port is a mapping from the host into the container where the network maps ports, else a port on the host's network.
type port struct {
	number      uint32  // in the container; on the host's network the service port. 0 is open
	hostPort    *uint32 // nil: reachable through the container's network only; 0: any
	servicePort uint32  // for load balancers; that of a mapping never leaves Marathon
	protocols   []string
	name        string
	labels      []pair
}

// portReference is how a check names its port: a number or an index into the app's ports. Both nil is no port.
type portReference struct {
	port  *uint32
	index *int
}

type checkTiming struct{ delay, interval, timeout float64 } // seconds

type healthCheck struct {
	checkTiming
	grace    float64 // seconds
	failures uint32
	protocol string // COMMAND, MESOS_HTTP, MESOS_HTTPS or MESOS_TCP
	command  string
	path     string
	ipv6     bool
	port     portReference
}

type check struct {
	checkTiming
	protocol string // command, http or tcp
	shell    string // exclusive with argv
	argv     []string
	path     string
	port     portReference
}
