package v1

import (
	"fmt"
	"net/http"

	"github.com/mesos/mesos-go/api/v1/lib/executor"
)

// fatalError ends Run, because another try would fail in the same way.
type fatalError struct{ error }

func (e *fatalError) Unwrap() error { return e.error }

// unreachableError is the error of a call without an answer.
type unreachableError struct{ error }

func (e *unreachableError) Unwrap() error { return e.error }

// refusal is an answer of the agent other than success.
type refusal struct {
	call string
	code int
	text string // the agent's own words
}

func (r *refusal) Error() string {
	message := fmt.Sprintf("the agent refused %s: %d %s", r.call, r.code, http.StatusText(r.code))
	if r.text != "" {
		message += ": " + r.text
	}
	if advice := r.advice(); advice != "" {
		message += " (" + advice + ")"
	}
	return message
}

// permanent reports whether the agent would refuse the same call again. It answers 404 before its routes are installed and 503 while
// it recovers (contract 5.1). Any other answer below 500 stays the same. The API never redirects.
func (r *refusal) permanent() bool {
	return r.code < http.StatusInternalServerError && r.code != http.StatusNotFound
}

// invalid reports whether the agent refuses the content of a call.
func (r *refusal) invalid() bool { return r.permanent() && !r.unsubscribed() }

// unsubscribed reports whether the agent refuses the sender of a call: there is no subscription, or the token is no longer valid. A
// new SUBSCRIBE solves both.
func (r *refusal) unsubscribed() bool {
	return r.code == http.StatusForbidden || r.code == http.StatusUnauthorized
}

// advice says what a person can do about a refused SUBSCRIBE. It is empty for other calls.
func (r *refusal) advice() string {
	switch {
	case r.call != executor.Call_SUBSCRIBE.String():
		return ""
	case r.code == http.StatusBadRequest:
		return "the agent does not know this framework or executor, or finds the call malformed: compare MESOS_FRAMEWORK_ID and MESOS_EXECUTOR_ID with the agent's state; after a loss of its work_dir the task has to be launched again"
	case r.code == http.StatusUnauthorized:
		return "the agent wants executors to authenticate: MESOS_EXECUTOR_AUTHENTICATION_TOKEN must be the one the agent generated; check that neither the task nor --executor_environment_variables overrides it and that the agent's secret key is the same as at launch"
	case r.code == http.StatusForbidden:
		return "the token was issued for another framework, executor or container, or the domain socket does not serve this path: check what overrides MESOS_* in the task's environment"
	case r.permanent():
		return "this is not the executor API of a Mesos agent from 0.28: check MESOS_AGENT_ENDPOINT, MESOS_SLAVE_PID and LIBPROCESS_SSL_ENABLED"
	}
	return ""
}
