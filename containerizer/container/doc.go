// Package container runs one container of the Docker Engine from its create to its removal.
//
// A [Container] is created once and started once, whatever becomes of the Engine's answers. Each of its verbs has a file: create,
// start, output, recover, stop, late removal. An [Owner] says which container is its own and takes the output. There are two owners:
// a task's session and the `docker run` of an agent. What differs between them is in [Options].
//
// The rules, each in one place for all owners:
//
//   - An error for which engine.IsUnavailable holds leaves open what the Engine did. It is followed by an inspect, never by a blind
//     repetition.
//   - An error of the Engine is never an exit, and an absent container never a reason to create a second one.
//   - A container that may still appear after its owner has given up is removed (late.go).
package container
