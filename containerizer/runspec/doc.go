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
//	if err := spec.PrepareHost(ctx); err != nil { ... }
//	// create, copy spec.FilesArchive() into the container (Options.CopiesFiles promises it), start
//
// One concept has one file. source.go finds the container and the command. command.go, volumes.go, network.go and resources.go
// then each fill their part of runOptions (options.go). table.go has a row for each option of docker run, and uses it
// in two ways. Tasks whose docker parameters are plain labels get the Engine's types from it directly, within microseconds. For
// all others it gives arguments, the task's parameters follow them, and a ParameterParser (package parameters: docker's own
// parser) reads the list. So the last value wins and lists are merged as docker does it. amend.go completes both results with
// what no argument expresses. rules.go says which parameters are allowed.
//
// Translate is pure: it reads no file, no environment and no clock, and never calls the Engine. What a spec needs on the host
// is done by PrepareHost, and nowhere else.
//
// Caveats: this package does not apply the policy, which checks the result, and does not verify the path of the sandbox. Errors name
// fields and values, but never the value of an environment variable or a secret.
package runspec
