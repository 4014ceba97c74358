package agent

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	mesostime "github.com/mesos/mesos-go/api/v1/lib/time"
)

// Values that hold where the agent says nothing, as in the stock executor library (contract 1.5 and 5.1).
const (
	DefaultRecoveryTimeout        = 15 * time.Minute // where the agent does not say
	defaultSubscriptionBackoffMax = 2 * time.Second
	defaultShutdownGracePeriod    = 5 * time.Second

	// maxSubscriptionBackoff is the largest value the agent itself accepts for what becomes MESOS_SUBSCRIPTION_BACKOFF_MAX.
	maxSubscriptionBackoff = 15 * time.Second
)

// Token is a secret: it prints as "[redacted]" whatever the verb or encoding. Convert it to string to use it.
type Token string

const redacted = "[redacted]"

func (t Token) String() string {
	if t == "" {
		return ""
	}
	return redacted
}

// GoString keeps the secret out of %#v.
func (t Token) GoString() string { return strconv.Quote(t.String()) }

// MarshalText keeps the secret out of JSON, and so out of structured logs.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Environment holds the variables that the Mesos agent sets for an executor (contract 1.5).
//
// A task can override each of them, so they are no more trustworthy than the task, and they grant nothing: a task that sets a
// false endpoint or token only cuts itself off from the agent.
type Environment struct {
	FrameworkID string // MESOS_FRAMEWORK_ID
	ExecutorID  string // MESOS_EXECUTOR_ID
	AgentID     string // MESOS_SLAVE_ID

	Directory string // MESOS_DIRECTORY: the sandbox as a path of the host
	Sandbox   string // MESOS_SANDBOX: the sandbox as the executor sees it; Directory where the agent does not say

	AgentEndpoint string // MESOS_AGENT_ENDPOINT, host:port; of MESOS_SLAVE_PID where absent; empty only beside a DomainSocket
	AgentProcess  string // the part of MESOS_SLAVE_PID before the @, such as slave(1); empty where absent
	AgentAddress  string // the part of MESOS_SLAVE_PID behind the @, host:port; empty where absent
	DomainSocket  string // MESOS_DOMAIN_SOCKET, absolute path; empty where the agent offers none

	Checkpoint             bool          // MESOS_CHECKPOINT: the agent's restart is to be survived
	RecoveryTimeout        time.Duration // MESOS_RECOVERY_TIMEOUT, read only with Checkpoint; 15 minutes
	SubscriptionBackoffMax time.Duration // MESOS_SUBSCRIPTION_BACKOFF_MAX, read only with Checkpoint; 2 s, at most 15 s
	ShutdownGracePeriod    time.Duration // MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD; 5 s

	AuthenticationToken Token // MESOS_EXECUTOR_AUTHENTICATION_TOKEN; empty where the agent requires none

	Libprocess Libprocess
	TLS        TLS
}

// Libprocess is where a libprocess process is to listen and how others reach it (contract 5.2). The values are as the
// environment has them: an agent sets only the first two, a task anything, and who speaks no libprocess must not care.
type Libprocess struct {
	IP            string // LIBPROCESS_IP
	Port          string // LIBPROCESS_PORT; agents say 0
	AdvertiseIP   string // LIBPROCESS_ADVERTISE_IP
	AdvertisePort string // LIBPROCESS_ADVERTISE_PORT
}

// TLS is what LIBPROCESS_SSL_* says about connections with the agent. Names, defaults and meaning are libprocess's. Protocol
// versions, ciphers, curves and depth are not ours to weaken, so their variables are not read, nor is SUPPORT_DOWNGRADE.
type TLS struct {
	Enabled bool // ENABLED: the agent's endpoint speaks https. Nothing below is read without it.

	CAFile   string // CA_FILE and CA_DIR: who may have signed the agent's certificate; the system's pool where both are empty
	CADir    string
	CertFile string // CERT_FILE with KEY_FILE: the certificate we show if the agent asks
	KeyFile  string

	VerifyServerCert  bool // VERIFY_SERVER_CERT or its alias VERIFY_CERT; REQUIRE_CLIENT_CERT (REQUIRE_CERT) implies it
	RequireClientCert bool // REQUIRE_CLIENT_CERT (REQUIRE_CERT): who connects to us must show a certificate
	VerifyIPAddress   bool // VERIFY_IPADD: an address in the certificate may stand for the agent's name

	HostnameValidation string // HOSTNAME_VALIDATION_SCHEME
}

// The values of TLS.HostnameValidation.
const (
	// LegacyValidation compares the certificate with the first name a reverse lookup of the agent's address gives.
	LegacyValidation = "legacy"
	// OpenSSLValidation compares it with the host of the endpoint.
	OpenSSLValidation = "openssl"
)

// FromEnviron reads the Environment through getenv, usually os.Getenv. Its error names every mistake at once. Secrets are not
// part of it. The caller should unset MESOS_EXECUTOR_AUTHENTICATION_TOKEN afterwards, as the stock library does, so that no
// child inherits it.
func FromEnviron(getenv func(string) string) (Environment, error) {
	r := reader{getenv: getenv}
	e := Environment{
		FrameworkID:         r.identifier("MESOS_FRAMEWORK_ID"),
		ExecutorID:          r.identifier("MESOS_EXECUTOR_ID"),
		AgentID:             r.identifier("MESOS_SLAVE_ID"),
		Directory:           r.path("MESOS_DIRECTORY"),
		Sandbox:             r.path("MESOS_SANDBOX"),
		DomainSocket:        r.path("MESOS_DOMAIN_SOCKET"),
		Checkpoint:          r.boolean("MESOS_CHECKPOINT"),
		RecoveryTimeout:     DefaultRecoveryTimeout,
		ShutdownGracePeriod: r.duration("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", defaultShutdownGracePeriod),
		AuthenticationToken: r.token("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"),
		TLS:                 r.tls(),
		Libprocess: Libprocess{
			IP:            getenv("LIBPROCESS_IP"),
			Port:          getenv("LIBPROCESS_PORT"),
			AdvertiseIP:   getenv("LIBPROCESS_ADVERTISE_IP"),
			AdvertisePort: getenv("LIBPROCESS_ADVERTISE_PORT"),
		},

		SubscriptionBackoffMax: defaultSubscriptionBackoffMax,
	}
	if e.Directory == "" && getenv("MESOS_DIRECTORY") == "" {
		r.mistake("MESOS_DIRECTORY", "is not set; the agent sets it to the sandbox of the executor")
	}
	e.Sandbox = cmp.Or(e.Sandbox, e.Directory)
	if e.Checkpoint {
		e.RecoveryTimeout = r.duration("MESOS_RECOVERY_TIMEOUT", DefaultRecoveryTimeout)
		e.SubscriptionBackoffMax = min(r.duration("MESOS_SUBSCRIPTION_BACKOFF_MAX", defaultSubscriptionBackoffMax), maxSubscriptionBackoff)
	}
	r.agent(&e)
	if len(r.mistakes) > 0 {
		return Environment{}, fmt.Errorf("the environment is not what a Mesos agent gives its executors (a task's own variables override the agent's): %w",
			errors.Join(r.mistakes...))
	}
	return e, nil
}

// reader collects the mistakes of an environment.
type reader struct {
	getenv   func(string) string
	mistakes []error
}

func (r *reader) mistake(name, format string, args ...any) {
	r.mistakes = append(r.mistakes, fmt.Errorf("%s "+format, append([]any{name}, args...)...))
}

// agent fills in where the agent listens: MESOS_AGENT_ENDPOINT, and MESOS_SLAVE_PID, "slave(1)@IP:PORT".
func (r *reader) agent(e *Environment) {
	process, pidEndpoint := r.pid("MESOS_SLAVE_PID")
	e.AgentProcess, e.AgentAddress, e.AgentEndpoint = process, pidEndpoint, pidEndpoint
	if endpoint := r.getenv("MESOS_AGENT_ENDPOINT"); endpoint != "" {
		if err := checkEndpoint(endpoint); err != nil {
			r.mistake("MESOS_AGENT_ENDPOINT", "is %s: %w", shown(endpoint), err)
		}
		e.AgentEndpoint = endpoint
	}
	unset := r.getenv("MESOS_SLAVE_PID") == ""
	switch {
	case e.DomainSocket != "" && unset:
		r.mistake("MESOS_SLAVE_PID", "is not set; the agent's domain socket serves no path without the part of it before the @")
	case e.DomainSocket == "" && unset && e.AgentEndpoint == "":
		r.mistake("MESOS_AGENT_ENDPOINT", "is not set and neither are MESOS_SLAVE_PID and MESOS_DOMAIN_SOCKET; nothing says where the agent listens")
	}
}

func (r *reader) pid(name string) (process, endpoint string) {
	value := r.getenv(name)
	if value == "" {
		return "", ""
	}
	process, endpoint, found := strings.Cut(value, "@")
	if !found {
		r.mistake(name, "is %s: expected ID@HOST:PORT such as slave(1)@10.0.0.7:5051", shown(value))
		return "", ""
	}
	if process == "" || strings.Trim(process, ".") == "" || strings.ContainsFunc(process, notInProcess) {
		r.mistake(name, "is %s: the part before the @ must consist of letters, digits and ()._- as in slave(1)", shown(value))
		return "", ""
	}
	if err := checkEndpoint(endpoint); err != nil {
		r.mistake(name, "is %s: after the @: %w", shown(value), err)
		return "", ""
	}
	return process, endpoint
}

// notInProcess tells what would change the meaning of a URL path; libprocess ids never need it.
func notInProcess(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	}
	return !strings.ContainsRune("()._-", c)
}

func checkEndpoint(endpoint string) error {
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return errors.New("expected HOST:PORT, an IPv6 address in brackets")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("expected a port from 1 to 65535")
	}
	if net.ParseIP(host) != nil {
		return nil
	}
	if host == "" || len(host) > 253 || strings.ContainsFunc(host, func(c rune) bool { return notInProcess(c) || c == '(' || c == ')' }) {
		return errors.New("expected an IP address or a host name before the port")
	}
	return nil
}

func (r *reader) identifier(name string) string {
	value := r.getenv(name)
	if value == "" {
		r.mistake(name, "is not set")
	}
	return value
}

func (r *reader) path(name string) string {
	value := r.getenv(name)
	if value != "" && !filepath.IsAbs(value) {
		r.mistake(name, "is %s: expected an absolute path", shown(value))
	}
	return value
}

func (r *reader) boolean(name string) bool {
	switch value := r.getenv(name); value {
	case "1", "true":
		return true
	case "", "0", "false":
		return false
	default:
		r.mistake(name, "is %s: expected 1, true, 0 or false", shown(value))
		return false
	}
}

func (r *reader) duration(name string, otherwise time.Duration) time.Duration {
	value := r.getenv(name)
	if value == "" {
		return otherwise
	}
	d, err := mesostime.ParseDuration(value)
	// Beyond what an int64 of nanoseconds holds the parser returns its smallest or largest value, by architecture.
	if err != nil || d < 0 || d == math.MaxInt64 {
		r.mistake(name, "is %s: expected a number and a unit (ns, us, ms, secs, mins, hrs, days, weeks) such as 15mins, below 290 years", shown(value))
		return otherwise
	}
	return d
}

// token refuses what no HTTP header can carry, without showing it.
func (r *reader) token(name string) Token {
	value := r.getenv(name)
	if strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c > '~' }) {
		r.mistake(name, "contains a character that a bearer token cannot have (its value is not shown)")
	}
	return Token(value)
}

func (r *reader) tls() TLS {
	const prefix = "LIBPROCESS_SSL_"
	if !r.boolean(prefix + "ENABLED") {
		return TLS{}
	}
	t := TLS{
		Enabled:            true,
		CAFile:             r.getenv(prefix + "CA_FILE"),
		CADir:              r.getenv(prefix + "CA_DIR"),
		CertFile:           r.getenv(prefix + "CERT_FILE"),
		KeyFile:            r.getenv(prefix + "KEY_FILE"),
		VerifyIPAddress:    r.boolean(prefix + "VERIFY_IPADD"),
		HostnameValidation: r.getenv(prefix + "HOSTNAME_VALIDATION_SCHEME"),
	}
	// No short cut in either: a mistake in each is to be named.
	for _, name := range []string{"REQUIRE_CLIENT_CERT", "REQUIRE_CERT"} {
		if r.boolean(prefix + name) {
			t.RequireClientCert, t.VerifyServerCert = true, true
		}
	}
	for _, name := range []string{"VERIFY_SERVER_CERT", "VERIFY_CERT"} {
		if r.boolean(prefix + name) {
			t.VerifyServerCert = true
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		r.mistake(prefix+"CERT_FILE", "and %sKEY_FILE belong together: set both or neither", prefix)
	}
	switch t.HostnameValidation {
	case "":
		t.HostnameValidation = LegacyValidation
	case LegacyValidation, OpenSSLValidation:
	default:
		r.mistake(prefix+"HOSTNAME_VALIDATION_SCHEME", "is %s: expected legacy or openssl", shown(t.HostnameValidation))
	}
	return t
}

// shown quotes a value for a person, shortened: a task may have put anything there.
func shown(value string) string {
	const most = 80
	if len(value) > most {
		return strconv.Quote(value[:most]) + "..."
	}
	return strconv.Quote(value)
}
