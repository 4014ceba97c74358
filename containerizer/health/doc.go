// Package health probes containers for the health checks and general checks of tasks, and reports the result of each probe. The
// executor applies the grace period, counts consecutive failures and sends the updates.
//
//	spec, err := health.FromHealthCheck(info.HealthCheck) // or FromCheck; on an error run the task without
//	health.Run(ctx, spec, health.Target{ContainerID: id, PID: pid, Engine: engine}, startedAt, func(r health.Result) { ... })
//
// translate.go has the checks that a framework may request (contract 4.1), probe.go the times of probes (4.2), and
// http.go, tcp.go and command.go the three kinds (4.3); exchange.go makes the requests of an HTTP probe.
//
// HTTP and TCP probes connect to the container's loopback. Only the creation of the socket runs in the container's network namespace
// (namespace.go); a socket keeps the namespace in which it was created. The Engine runs commands. A command that times out is killed
// with the processes it has started (kill.go).
//
// Data from the container is not trusted: no name is resolved, no redirect leaves loopback, reads are bounded, and a probe never
// falls back to the host's network.
package health
