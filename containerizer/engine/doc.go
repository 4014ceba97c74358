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
// # Caveats
//
//   - An error is never an exit. Only an inspect that answers "not running", or IsNotFound, says that a container has ended.
//   - Events are hints: the Engine drops them under load (it keeps 256, and a slow subscriber loses more). Inspect is the truth.
//   - The environment of the daemon (DOCKER_HOST, DOCKER_API_VERSION, HTTP_PROXY) is ignored, on purpose.
package engine
