// Package health probes containers: it carries out what a task's health check and general check ask for, and says how each
// probe went. What follows from the results (grace period, consecutive failures, updates) is the executor's business.
//
//	spec, err := health.FromHealthCheck(info.HealthCheck) // or FromCheck; an error means: run the task without
//	health.Run(ctx, spec, health.Target{ContainerID: id, PID: pid, Engine: engine}, startedAt, func(r health.Result) { ... })
//
// One file per idea: translate.go is what the framework may ask for (contract 4.1), schedule.go when probes are due
// (4.2), http.go, tcp.go and command.go how each kind is carried out (4.3).
//
// HTTP and TCP probes connect to the container's own loopback. Only the creation of a socket happens in the container's network
// namespace (namespace.go), since a socket stays for life where it was created; everything else runs as any Go code does.
// Commands are run by the Engine, and are killed with all they have started when their time is up (kill.go).
//
// Nothing from the container is trusted: no name is resolved, no redirect leads off loopback, what is read of an answer or
// output is bounded, and the host's network is never reached for want of the container's.
package health
