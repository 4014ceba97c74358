// Package config reads the daemon's configuration: one file per flag, in
// layers, with the origin of every value kept.
//
// [Load] is the entry. It reads, later wins:
//
//  1. the defaults built in (the table in flags.go);
//  2. /etc/default/mesos, then /etc/default/mesos-slave or
//     /etc/default/mesos-agent, MESOS_* variables;
//  3. /etc/mesos-slave or /etc/mesos-agent, the agent's files;
//  4. /etc/mesos-docker-containerizer, our own files;
//  5. variables MESOS_DOCKER_CONTAINERIZER_*;
//  6. flags on the command line.
//
// The second and third belong to the agent. They carry many flags that are none of
// our business, and only those that the table marks as the agent's are read
// from there. The rest is ours: an unknown name in it is a mistake.
//
// A new flag is one field of [Config] and one row of the table; names,
// defaults, checks, the printed configuration and docs/configuration.md all
// follow from the row.
//
// Where to look: layers.go, agent.go and arguments.go find what
// each layer says, with shell.go and shellword.go for the agent's defaults;
// load.go picks the winner and checks it; values.go and documents.go
// know the syntax of values; mistake.go words what is wrong; print.go shows the
// result.
//
// Caveats. A value of the agent that a later layer overrides is not checked, so
// an operator can always get past it. Every value of our own is checked, also
// an overridden one. Nothing here follows later changes of the files: all
// flags take effect when the daemon starts.
package config
