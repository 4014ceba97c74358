package localagent

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"time"

	"mesos-docker-containerizer/executor/agent"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"
)

// Defaults of the real agent's flags (contract 1.9).
const (
	defaultReregistrationWindow = 2 * time.Second
	defaultShutdownGrace        = 5 * time.Second
	defaultRegistrationTimeout  = time.Minute
	defaultHeartbeatInterval    = 30 * time.Minute
	// defaultFetchTimeout bounds one remote URI. A real fetcher gives up on a transfer that stalls for a minute; this is
	// longer because it bounds the whole of it.
	defaultFetchTimeout = 10 * time.Minute
	// maximumSocketPath is what fits into sockaddr_un with its terminating zero.
	maximumSocketPath = 107
)

// Options tune an agent. WorkDir is required; the zero value of all else means the real agent's default.
type Options struct {
	// WorkDir is where sandboxes are made, with the agent's directory layout. It is created if it is missing.
	WorkDir string
	// IP is the address to listen on; 127.0.0.1 if empty. Only if set do executors see LIBPROCESS_IP.
	IP string
	// Port to listen on; 0 takes a free one.
	Port int
	// Hostname the agent goes by; the IP if empty.
	Hostname string
	// AgentID is made up if empty.
	AgentID string
	// Resources the agent tells executors it has; its CPUs and ports 31000 to 32000 if nil. They are not enforced.
	Resources []mesos.Resource

	// Framework is who tasks are launched for unless a request names another: its id, whether it checkpoints, its
	// capabilities. If nil it is a checkpointing framework "local" that knows TASK_KILLING and is partition-aware.
	Framework *mesos.FrameworkInfo

	// RecoveryTimeout is how long executors may wait for a stopped agent (15mins).
	RecoveryTimeout time.Duration
	// ReregistrationWindow is the time after recovery in which executors must subscribe again (2secs).
	ReregistrationWindow time.Duration
	// SubscriptionBackoffMax is what executors are told about it. A real agent tells its window, and so does this if 0.
	SubscriptionBackoffMax time.Duration
	// RegistrationTimeout is the time from launch, fetching included, until an executor must have subscribed (1mins).
	RegistrationTimeout time.Duration
	// ShutdownGrace is the time between SHUTDOWN and SIGKILL for executors that do not bring their own (5secs).
	ShutdownGrace time.Duration
	// HeartbeatInterval is the time between HEARTBEAT events of a stream (30mins).
	HeartbeatInterval time.Duration
	// FetchTimeout bounds the fetching of each remote URI (10mins).
	FetchTimeout time.Duration

	// ExecutorEnvironment is the agent's --executor_environment_variables, the lowest layer of the environment.
	ExecutorEnvironment map[string]string

	// Tokens demands of each call the token its executor was given.
	Tokens bool
	// TLS, if set, is the configuration of an agent that speaks https only. Executors learn it from
	// LIBPROCESS_SSL_ENABLED, which is the caller's to set (contract 1.5).
	TLS *tls.Config
	// DomainSocket, if set, is the path of a Unix domain socket to serve beside TCP.
	DomainSocket string

	// Logger may be nil.
	Logger *zap.Logger
}

// complete fills in defaults and says what cannot work.
func (o *Options) complete() error {
	if o.WorkDir == "" {
		return errors.New("no work directory given")
	}
	dir, err := filepath.Abs(o.WorkDir)
	if err != nil {
		return fmt.Errorf("work directory: %w", err)
	}
	o.WorkDir = dir
	if o.IP != "" && net.ParseIP(o.IP) == nil {
		return fmt.Errorf("%q is not an IP address", o.IP)
	}
	if len(o.DomainSocket) > maximumSocketPath {
		return fmt.Errorf("domain socket path %q is longer than %d bytes", o.DomainSocket, maximumSocketPath)
	}
	if o.Hostname == "" {
		o.Hostname = o.listenIP()
	}
	if o.AgentID == "" {
		o.AgentID = newUUID() + "-S0"
	}
	if err := checkID("agent", o.AgentID); err != nil {
		return err
	}
	if o.Resources == nil {
		o.Resources = defaultResources()
	}
	if o.Framework == nil {
		o.Framework = defaultFramework()
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	o.completeDurations()
	return nil
}

func (o *Options) completeDurations() {
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&o.RecoveryTimeout, agent.DefaultRecoveryTimeout},
		{&o.ReregistrationWindow, defaultReregistrationWindow},
		{&o.RegistrationTimeout, defaultRegistrationTimeout},
		{&o.ShutdownGrace, defaultShutdownGrace},
		{&o.HeartbeatInterval, defaultHeartbeatInterval},
		{&o.FetchTimeout, defaultFetchTimeout},
	} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	if o.SubscriptionBackoffMax <= 0 {
		o.SubscriptionBackoffMax = o.ReregistrationWindow
	}
}

func (o *Options) listenIP() string {
	if o.IP == "" {
		return "127.0.0.1"
	}
	return o.IP
}

func defaultFramework() *mesos.FrameworkInfo {
	return &mesos.FrameworkInfo{
		User:       "root",
		Name:       "local",
		ID:         &mesos.FrameworkID{Value: newUUID() + "-0000"},
		Checkpoint: new(true),
		Capabilities: []mesos.FrameworkInfo_Capability{
			{Type: mesos.FrameworkInfo_Capability_TASK_KILLING_STATE},
			{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE},
		},
	}
}

func defaultResources() []mesos.Resource {
	return []mesos.Resource{
		scalar("cpus", float64(runtime.NumCPU())),
		{
			Name:   "ports",
			Type:   mesos.RANGES.Enum(),
			Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 31000, End: 32000}}},
		},
	}
}

func scalar(name string, value float64) mesos.Resource {
	return mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: value}}
}
