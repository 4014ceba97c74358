package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The environment of a command task's executor is the task's to set (contract 1.5), and this process is often root's.
// So it starts itself once more with only the variables that the agent means for an executor: a GODEBUG, HTTP_PROXY or
// SSL_CERT_FILE of the task's reaches nothing. GOMAXPROCS=1 comes with it: on machines with many cores that saves a megabyte a
// task, and works only from the environment.
const (
	tokenVariable = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN"

	// tokenFileVariable holds the number of the descriptor from which the second process reads the token, so that it stands in
	// no environment that others can look at.
	tokenFileVariable = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN_FD"

	procsVariable = "GOMAXPROCS"
)

// kept are the variables that survive; LIBPROCESS_SSL_* as well.
var kept = []string{
	"MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID", "MESOS_SLAVE_ID", "MESOS_DIRECTORY", "MESOS_SANDBOX", "MESOS_SLAVE_PID",
	"MESOS_AGENT_ENDPOINT", "MESOS_CHECKPOINT", "MESOS_RECOVERY_TIMEOUT", "MESOS_SUBSCRIPTION_BACKOFF_MAX",
	"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "MESOS_DOMAIN_SOCKET",
	"LIBPROCESS_IP", "LIBPROCESS_PORT", "LIBPROCESS_ADVERTISE_IP", "LIBPROCESS_ADVERTISE_PORT",
}

func isKept(name string) bool {
	return slices.Contains(kept, name) || strings.HasPrefix(name, "LIBPROCESS_SSL_")
}

// isolated returns the environment that remains and the token, and whether the given one is like that already. Of a variable
// that is there twice the last counts, as it does in a shell.
func isolated(environ []string) (remaining []string, token string, already bool) {
	values := map[string]string{}
	already = true
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		switch {
		case name == tokenVariable:
			token, already = value, false
		case name == tokenFileVariable: // ours, or forged and then of no use: see environment
		case name == procsVariable:
			already = already && value == "1"
		case isKept(name):
			values[name] = value
		default:
			already = false
		}
	}
	remaining = []string{procsVariable + "=1"}
	for name, value := range values {
		remaining = append(remaining, name+"="+value)
	}
	slices.Sort(remaining)
	return remaining, token, already && slices.Contains(environ, procsVariable+"=1")
}

// isolate replaces this process by one with a clean environment and command line, once. It returns if this is the one.
func isolate(environ, args []string) error {
	remaining, token, already := isolated(environ)
	shown, err := withoutSecrets(args)
	if err != nil {
		return err
	}
	if already && slices.Equal(shown, args) {
		return nil
	}
	if token != "" {
		fd, err := secretPipe(token)
		if err != nil {
			return fmt.Errorf("pass on the authentication token: %w", err)
		}
		remaining = append(remaining, tokenFileVariable+"="+strconv.Itoa(fd))
	}
	return fmt.Errorf("start again with a clean environment: %w", syscall.Exec("/proc/self/exe", shown, remaining))
}

// withoutSecrets replaces each value of the flag task_environment by the number of a descriptor to read it from.
func withoutSecrets(args []string) ([]string, error) {
	shown := slices.Clone(args)
	for i, arg := range args {
		value, secret := strings.CutPrefix(arg, "--"+environmentFlag+"=")
		if !secret {
			continue
		}
		fd, err := secretPipe(value)
		if err != nil {
			return nil, fmt.Errorf("pass on the value of --%s: %w", environmentFlag, err)
		}
		shown[i] = "--" + environmentFileFlag + "=" + strconv.Itoa(fd)
	}
	return shown, nil
}

// environment returns a lookup in the clean environment that knows the token too.
func environment() (func(string) string, error) {
	number := os.Getenv(tokenFileVariable)
	if number == "" {
		return os.Getenv, nil
	}
	token, err := readSecret(number)
	if err != nil {
		return nil, fmt.Errorf("read the authentication token from %s: %w", tokenFileVariable, err)
	}
	text := strings.TrimSpace(token)
	return func(name string) string {
		if name == tokenVariable {
			return text
		}
		return os.Getenv(name)
	}, nil
}
