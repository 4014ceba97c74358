// Package engine is our view of the Docker Engine: the few calls the daemon makes, each with a deadline, an error kind and no
// surprises. It owns the connections to the Engine's Unix socket and nothing else: which container is whose, what an exit means
// and when to try again are decided by its callers.
//
// A Client is made once and kept. It needs no Engine to exist at that moment, and it survives the Engine being stopped, restarted,
// upgraded or downgraded below it:
//
//	docker, err := engine.New(engine.Options{Socket: "/var/run/docker.sock", Logger: logger})
//	id, warnings, err := docker.Create(ctx, name, config, host, networking, nil)
//	output, err := docker.AttachOutput(ctx, id) // before start: no byte is lost
//	err = docker.Start(ctx, id)
//
// # Where to look
//
//   - timeouts.go: every deadline with its reason. A caller's shorter deadline wins.
//   - errors.go: the kinds of error and which of them mean "outcome unknown".
//   - connection.go: how the API version is negotiated once and again after a lost connection.
//   - output.go: the streams of a container's output, handed out as files so that they can be passed to another process.
//   - labels.go: the labels by which a container is known to be ours.
//
// # Caveats
//
//   - An error is never an exit. Only an inspect that answers "not running", or IsNotFound, says that a container has ended.
//   - Events are hints: the Engine drops them under load (it keeps 256, and a slow subscriber loses more). Inspect is the truth.
//   - The environment of the daemon (DOCKER_HOST, DOCKER_API_VERSION, HTTP_PROXY) is ignored, on purpose.
package engine
