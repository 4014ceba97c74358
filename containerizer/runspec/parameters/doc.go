// Package parameters reads docker run options with docker's own parser, in a child process that lives for that alone.
//
// The parser is part of docker/cli and not made for a daemon: it leaks some memory on every use, and several options make it
// read or write the host or its environment. So it runs in a short-lived copy of the program itself, with an empty
// environment, no root and bounded time, memory, input and output, which reads a request from its stdin and writes the answer
// to its stdout. Nothing of a task is ever on a command line. Options that would act on the host are refused before they come
// here (runspec.Rules); the child is confined all the same.
//
// A program that uses Subprocess must call ParseMain when its first argument is Subcommand, before it does anything else:
//
//	if len(os.Args) == 2 && os.Args[1] == parameters.Subcommand {
//		os.Exit(parameters.ParseMain(os.Stdin, os.Stdout))
//	}
//
// The same is true of the TestMain of a package whose tests use it.
//
// This is the only package that imports docker/cli's commands: subprocess.go does not, command.go does.
package parameters
