// Package runspec translates a Mesos TaskInfo into what the Docker Engine's create call takes.
//
// The rules are those of the stock executor, which hands an argument list to the docker command (contract 2); the
// result here is the Engine API's own types, equal to what the docker command would send for that list. Translate is the
// whole of it:
//
//	spec, err := runspec.Translate(ctx, task, options)
//	var fault *runspec.Error
//	if errors.As(err, &fault) {
//		// the task's own fault: tell the framework fault.Error()
//	}
//	if err := spec.PrepareHost(); err != nil { ... }
//	// create, copy spec.FilesArchive() into the container (Options.CopiesFiles promises it), start
//
// One concept has one file: source.go finds the container and the command, then command.go, environment.go, volumes.go,
// network.go, ports.go, dns.go, resources.go, limits.go and gpus.go each fill their part of the option list in options.go.
// That list becomes the result in one of two ways. typed.go builds it directly; it serves every task whose docker parameters
// are plain labels, and takes microseconds. arguments.go writes it as arguments, the task's parameters behind it, for a
// ParameterParser to read (package parameters: docker's own parser), so that "the last one wins" and the merging of lists
// hold by construction. amend.go adds to both what no argument expresses. rules.go says which parameters are taken.
//
// Translate is pure: it reads no file, no environment and no clock, and never calls the Engine. What a spec needs on the host
// is done by PrepareHost, and nowhere else.
//
// Caveats: nothing here knows the policy, which checks the result. A sandbox path is believed as given. Error texts name
// fields and values but never the value of an environment variable or a secret.
package runspec
