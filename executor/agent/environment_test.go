package agent

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asAgentSets is the environment of an executor of a checkpointing framework (contract 1.5).
func asAgentSets(changes ...string) func(string) string {
	variables := map[string]string{
		"LIBPROCESS_PORT":                      "0",
		"MESOS_FRAMEWORK_ID":                   "bc318b3c-b281-4168-bf51-c244c21660a4-0000",
		"MESOS_EXECUTOR_ID":                    "app.1",
		"MESOS_SLAVE_ID":                       "bc318b3c-b281-4168-bf51-c244c21660a4-S0",
		"MESOS_DIRECTORY":                      "/var/lib/mesos/slaves/S0/runs/latest",
		"MESOS_SANDBOX":                        "/mnt/mesos/sandbox",
		"MESOS_SLAVE_PID":                      "slave(1)@10.0.0.7:5051",
		"MESOS_AGENT_ENDPOINT":                 "10.0.0.7:5051",
		"MESOS_CHECKPOINT":                     "1",
		"MESOS_RECOVERY_TIMEOUT":               "10mins",
		"MESOS_SUBSCRIPTION_BACKOFF_MAX":       "4secs",
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "7secs",
		"MESOS_EXECUTOR_AUTHENTICATION_TOKEN":  "header.claims.signature",
		"MESOS_DOMAIN_SOCKET":                  "/run/mesos/agent.sock",
	}
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		variables[name] = value
	}
	return func(name string) string { return variables[name] }
}

func expected(change func(*Environment)) Environment {
	e := Environment{
		FrameworkID: "bc318b3c-b281-4168-bf51-c244c21660a4-0000", ExecutorID: "app.1", AgentID: "bc318b3c-b281-4168-bf51-c244c21660a4-S0",
		Directory: "/var/lib/mesos/slaves/S0/runs/latest", Sandbox: "/mnt/mesos/sandbox",
		AgentEndpoint: "10.0.0.7:5051", AgentProcess: "slave(1)", AgentAddress: "10.0.0.7:5051", DomainSocket: "/run/mesos/agent.sock",
		Checkpoint: true, RecoveryTimeout: 10 * time.Minute, SubscriptionBackoffMax: 4 * time.Second, ShutdownGracePeriod: 7 * time.Second,
		AuthenticationToken: "header.claims.signature",
		Libprocess:          Libprocess{Port: "0"},
	}
	change(&e)
	return e
}

func TestFromEnviron(t *testing.T) {
	for name, c := range map[string]struct {
		changes []string
		want    func(*Environment)
	}{
		"as it is":                {nil, func(*Environment) {}},
		"no sandbox":              {[]string{"MESOS_SANDBOX="}, func(e *Environment) { e.Sandbox = e.Directory }},
		"no token":                {[]string{"MESOS_EXECUTOR_AUTHENTICATION_TOKEN="}, func(e *Environment) { e.AuthenticationToken = "" }},
		"no socket":               {[]string{"MESOS_DOMAIN_SOCKET="}, func(e *Environment) { e.DomainSocket = "" }},
		"endpoint of the pid":     {[]string{"MESOS_AGENT_ENDPOINT="}, func(*Environment) {}},
		"endpoint unlike the pid": {[]string{"MESOS_AGENT_ENDPOINT=agent-7.example:5052"}, func(e *Environment) { e.AgentEndpoint = "agent-7.example:5052" }},
		"endpoint without pid":    {[]string{"MESOS_SLAVE_PID=", "MESOS_DOMAIN_SOCKET="}, func(e *Environment) { e.AgentProcess, e.AgentAddress, e.DomainSocket = "", "", "" }},
		"another id":              {[]string{"MESOS_SLAVE_PID=agent_x-2.b@h:1", "MESOS_AGENT_ENDPOINT="}, func(e *Environment) { e.AgentProcess, e.AgentEndpoint, e.AgentAddress = "agent_x-2.b", "h:1", "h:1" }},
		"IPv6":                    {[]string{"MESOS_SLAVE_PID=slave(1)@[2001:db8::7]:5051", "MESOS_AGENT_ENDPOINT=[2001:db8::7]:5051"}, func(e *Environment) { e.AgentEndpoint, e.AgentAddress = "[2001:db8::7]:5051", "[2001:db8::7]:5051" }},
		"defaults with checkpoint": {
			[]string{"MESOS_RECOVERY_TIMEOUT=", "MESOS_SUBSCRIPTION_BACKOFF_MAX=", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD="},
			func(e *Environment) {
				e.RecoveryTimeout, e.SubscriptionBackoffMax, e.ShutdownGracePeriod = 15*time.Minute, 2*time.Second, 5*time.Second
			},
		},
		"no checkpoint, so the rest of it is not read": {
			[]string{"MESOS_CHECKPOINT=0", "MESOS_RECOVERY_TIMEOUT=nonsense", "MESOS_SUBSCRIPTION_BACKOFF_MAX=nonsense"},
			func(e *Environment) {
				e.Checkpoint, e.RecoveryTimeout, e.SubscriptionBackoffMax = false, 15*time.Minute, 2*time.Second
			},
		},
		"checkpoint unset": {[]string{"MESOS_CHECKPOINT="}, func(e *Environment) {
			e.Checkpoint, e.RecoveryTimeout, e.SubscriptionBackoffMax = false, 15*time.Minute, 2*time.Second
		}},
		"checkpoint in words":       {[]string{"MESOS_CHECKPOINT=true"}, func(*Environment) {}},
		"backoff is capped":         {[]string{"MESOS_SUBSCRIPTION_BACKOFF_MAX=1hrs"}, func(e *Environment) { e.SubscriptionBackoffMax = 15 * time.Second }},
		"zero durations":            {[]string{"MESOS_RECOVERY_TIMEOUT=0ns", "MESOS_SUBSCRIPTION_BACKOFF_MAX=0secs"}, func(e *Environment) { e.RecoveryTimeout, e.SubscriptionBackoffMax = 0, 0 }},
		"TLS variables without TLS": {[]string{"LIBPROCESS_SSL_VERIFY_CERT=nonsense", "LIBPROCESS_SSL_KEY_FILE=/k"}, func(*Environment) {}},
		"TLS":                       {[]string{"LIBPROCESS_SSL_ENABLED=true"}, func(e *Environment) { e.TLS = TLS{Enabled: true, HostnameValidation: LegacyValidation} }},
		"TLS, all of it": {
			[]string{"LIBPROCESS_SSL_ENABLED=1", "LIBPROCESS_SSL_CA_FILE=/ca", "LIBPROCESS_SSL_CA_DIR=/cas", "LIBPROCESS_SSL_CERT_FILE=/c", "LIBPROCESS_SSL_KEY_FILE=/k",
				"LIBPROCESS_SSL_VERIFY_SERVER_CERT=true", "LIBPROCESS_SSL_VERIFY_IPADD=1", "LIBPROCESS_SSL_HOSTNAME_VALIDATION_SCHEME=openssl"},
			func(e *Environment) {
				e.TLS = TLS{Enabled: true, CAFile: "/ca", CADir: "/cas", CertFile: "/c", KeyFile: "/k", VerifyServerCert: true, VerifyIPAddress: true, HostnameValidation: OpenSSLValidation}
			},
		},
		"VERIFY_CERT is an alias":  verifies("VERIFY_CERT"),
		"REQUIRE_CERT implies it":  requires("REQUIRE_CERT"),
		"REQUIRE_CLIENT_CERT does": requires("REQUIRE_CLIENT_CERT"),
		"libprocess": {
			[]string{"LIBPROCESS_IP=10.0.0.7", "LIBPROCESS_PORT=$PORT0", "LIBPROCESS_ADVERTISE_IP=192.0.2.7", "LIBPROCESS_ADVERTISE_PORT=1"},
			func(e *Environment) { e.Libprocess = Libprocess{"10.0.0.7", "$PORT0", "192.0.2.7", "1"} },
		},
		"one alias is enough to ask": {[]string{"LIBPROCESS_SSL_ENABLED=1", "LIBPROCESS_SSL_VERIFY_SERVER_CERT=0", "LIBPROCESS_SSL_VERIFY_CERT=1"}, verifies("VERIFY_CERT").want},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FromEnviron(asAgentSets(c.changes...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(expected(c.want), got); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}

func verifies(name string) (c struct {
	changes []string
	want    func(*Environment)
}) {
	c.changes = []string{"LIBPROCESS_SSL_ENABLED=1", "LIBPROCESS_SSL_" + name + "=true"}
	c.want = func(e *Environment) {
		e.TLS = TLS{Enabled: true, VerifyServerCert: true, HostnameValidation: LegacyValidation}
	}
	return c
}

func requires(name string) (c struct {
	changes []string
	want    func(*Environment)
}) {
	c = verifies(name)
	verified := c.want
	c.want = func(e *Environment) { verified(e); e.TLS.RequireClientCert = true }
	return c
}

func TestFromEnvironNamesEveryMistake(t *testing.T) {
	for name, c := range map[string]struct {
		changes []string
		words   []string
	}{
		"ids missing":       {[]string{"MESOS_FRAMEWORK_ID=", "MESOS_EXECUTOR_ID=", "MESOS_SLAVE_ID="}, []string{"MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID", "MESOS_SLAVE_ID"}},
		"directory missing": {[]string{"MESOS_DIRECTORY="}, []string{"MESOS_DIRECTORY is not set"}},
		"relative paths":    {[]string{"MESOS_DIRECTORY=a", "MESOS_SANDBOX=b", "MESOS_DOMAIN_SOCKET=c"}, []string{`MESOS_DIRECTORY is "a"`, `MESOS_SANDBOX is "b"`, `MESOS_DOMAIN_SOCKET is "c"`}},
		"no agent":          {[]string{"MESOS_SLAVE_PID=", "MESOS_AGENT_ENDPOINT=", "MESOS_DOMAIN_SOCKET="}, []string{"nothing says where the agent listens"}},
		"socket alone":      {[]string{"MESOS_SLAVE_PID="}, []string{"domain socket serves no path"}},
		"pid without @":     {[]string{"MESOS_SLAVE_PID=10.0.0.7:5051"}, []string{"ID@HOST:PORT"}},
		"pid without id":    {[]string{"MESOS_SLAVE_PID=@10.0.0.7:5051"}, []string{"before the @"}},
		"pid as a path":     {[]string{"MESOS_SLAVE_PID=..@10.0.0.7:5051"}, []string{"before the @"}},
		"pid with a path":   {[]string{"MESOS_SLAVE_PID=../slave(1)@10.0.0.7:5051"}, []string{"before the @"}},
		"pid with a query":  {[]string{"MESOS_SLAVE_PID=slave(1)?x@10.0.0.7:5051"}, []string{"before the @"}},
		"pid without port":  {[]string{"MESOS_SLAVE_PID=slave(1)@10.0.0.7"}, []string{"MESOS_SLAVE_PID", "HOST:PORT"}},
		"port 0":            {[]string{"MESOS_AGENT_ENDPOINT=10.0.0.7:0"}, []string{"MESOS_AGENT_ENDPOINT", "1 to 65535"}},
		"port 65536":        {[]string{"MESOS_AGENT_ENDPOINT=10.0.0.7:65536"}, []string{"1 to 65535"}},
		"port in words":     {[]string{"MESOS_AGENT_ENDPOINT=10.0.0.7:http"}, []string{"1 to 65535"}},
		"no host":           {[]string{"MESOS_AGENT_ENDPOINT=:5051"}, []string{"host name"}},
		"user in the host":  {[]string{"MESOS_AGENT_ENDPOINT=a@b:5051"}, []string{"host name"}},
		"path in the host":  {[]string{"MESOS_AGENT_ENDPOINT=a/b:5051"}, []string{"host name"}},
		"bare IPv6":         {[]string{"MESOS_AGENT_ENDPOINT=2001:db8::7:5051"}, []string{"in brackets"}},
		"checkpoint":        {[]string{"MESOS_CHECKPOINT=yes"}, []string{`MESOS_CHECKPOINT is "yes"`, "1, true, 0 or false"}},
		"durations": {
			[]string{"MESOS_RECOVERY_TIMEOUT=5min", "MESOS_SUBSCRIPTION_BACKOFF_MAX=-5secs", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=1e3secs"},
			[]string{`MESOS_RECOVERY_TIMEOUT is "5min"`, `MESOS_SUBSCRIPTION_BACKOFF_MAX is "-5secs"`, `MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD is "1e3secs"`, "15mins"},
		},
		"more durations": {
			[]string{"MESOS_RECOVERY_TIMEOUT=99999999999999weeks", "MESOS_SUBSCRIPTION_BACKOFF_MAX=5", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD= 5secs"},
			[]string{"MESOS_RECOVERY_TIMEOUT", "MESOS_SUBSCRIPTION_BACKOFF_MAX", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"},
		},
		"token":         {[]string{"MESOS_EXECUTOR_AUTHENTICATION_TOKEN=hush\r\nX-Evil: 1"}, []string{"MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "not shown"}},
		"a long value":  {[]string{"MESOS_CHECKPOINT=" + strings.Repeat("x", 1<<20)}, []string{`xxx"...`}},
		"control codes": {[]string{"MESOS_CHECKPOINT=\x1b[2J\n"}, []string{`"\x1b[2J\n"`}},
		"TLS": {
			[]string{"LIBPROCESS_SSL_ENABLED=1", "LIBPROCESS_SSL_CERT_FILE=/c", "LIBPROCESS_SSL_VERIFY_CERT=x", "LIBPROCESS_SSL_REQUIRE_CERT=x", "LIBPROCESS_SSL_VERIFY_IPADD=x", "LIBPROCESS_SSL_HOSTNAME_VALIDATION_SCHEME=x"},
			[]string{"LIBPROCESS_SSL_KEY_FILE", "LIBPROCESS_SSL_VERIFY_CERT", "LIBPROCESS_SSL_REQUIRE_CERT", "LIBPROCESS_SSL_VERIFY_IPADD", "legacy or openssl"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FromEnviron(asAgentSets(c.changes...))
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			for _, word := range c.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("error %q does not contain %q", err, word)
				}
			}
			if text := err.Error(); strings.Contains(text, "hush") || len(text) > 5000 {
				t.Errorf("the error shows too much: %.300q...", text)
			}
		})
	}
	_, err := FromEnviron(func(string) string { return "" })
	if got := strings.Count(err.Error(), " is not set"); got != 5 {
		t.Errorf("an empty environment has %d mistakes, want 5: %v", got, err)
	}
}

func TestTokenDoesNotPrint(t *testing.T) {
	env := Environment{AuthenticationToken: "hush"}
	encoded, err := json.Marshal(env)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprint(env), fmt.Sprintf("%v %+v %#v %s %q", env, env, env, env.AuthenticationToken, env.AuthenticationToken),
		fmt.Sprintf("%v", &env), fmt.Sprintf("%x", env.AuthenticationToken), string(encoded), fmt.Sprint([]Token{"hush"}, map[string]Token{"a": "hush"}),
	} {
		if strings.Contains(text, "hush") || strings.Contains(text, fmt.Sprintf("%x", "hush")) {
			t.Errorf("printed %q", text)
		}
	}
}

// Whatever the variables are, what is accepted is usable: nobody behind it checks again.
func FuzzFromEnviron(f *testing.F) {
	f.Add("slave(1)@10.0.0.7:5051", "10.0.0.7:5051", "15mins", "token", "/run/agent.sock")
	f.Add("slave(1)@[::1]:5051", "", "1.5days", "", "")
	f.Add("a@b@c:1", "[::1%eth0]:1", "5min", "\n", "x")
	f.Add("..@h:1", "h\x00:1", "-1secs", " ", "/")
	f.Add("", "a:b:c", "99999999999999999999weeks", "é", "\x00")
	f.Fuzz(func(t *testing.T, pid, endpoint, duration, token, socket string) {
		env, err := FromEnviron(asAgentSets("MESOS_SLAVE_PID="+pid, "MESOS_AGENT_ENDPOINT="+endpoint, "MESOS_RECOVERY_TIMEOUT="+duration,
			"MESOS_EXECUTOR_AUTHENTICATION_TOKEN="+token, "MESOS_DOMAIN_SOCKET="+socket))
		if err != nil {
			if env != (Environment{}) {
				t.Fatal("an environment with mistakes")
			}
			return
		}
		if env.RecoveryTimeout < 0 || env.SubscriptionBackoffMax > maxSubscriptionBackoff {
			t.Errorf("durations %s, %s", env.RecoveryTimeout, env.SubscriptionBackoffMax)
		}
		if strings.ContainsAny(env.AgentProcess, "/?#%@ ") || env.AgentProcess == ".." || strings.ContainsAny(env.AgentEndpoint, "/?#@ ") {
			t.Errorf("endpoint %q, process %q", env.AgentEndpoint, env.AgentProcess)
		}
		if env.AgentEndpoint == "" && env.DomainSocket == "" {
			t.Error("nowhere to connect to")
		}
		if env.DomainSocket != "" && !filepath.IsAbs(env.DomainSocket) {
			t.Errorf("socket %q", env.DomainSocket)
		}
		if strings.ContainsAny(string(env.AuthenticationToken), "\r\n \x00") {
			t.Errorf("token %q", string(env.AuthenticationToken))
		}
	})
}
