// Package containerizer is the daemon's core: it owns the Docker Engine on behalf of the executors on its host.
//
// A Server accepts executors. Each gets a session, which is one task from top to bottom, written as linear code (session.go):
// prepare (translate, pull, create, start), wait, conclude, schedule the removal. What is said to its executor goes through a
// queue of its own (connection.go), and its container is a container.Container. Around the sessions there are
//
//   - the watch (watch.go): one stream of Engine events that wakes sessions; they inspect to learn what happened,
//   - recovery (recover.go): after a start, and whenever a container appears without a session, pairing containers with their
//     executors and ending those that have none,
//   - late removals (package container): names under which a container may still appear though its task has ended.
//
// The server keeps no state on disk but for what CNI plugins have joined (holder.go, package cni) and the records that explain tasks.
// What a container is for is in its labels, whether it runs is in the Engine, and what was asked of it the executor repeats when it
// attaches (docs/architecture.md, "State"). An error of the Engine is never an exit, and an absent container never a reason to create a
// second one.
//
// The leaves: container (one container from create to removal), pidfd (processes), engine (the Engine's API with deadlines and kinds of
// errors), image (pulls), runspec (TaskInfo to container), policy (what tasks may ask for), cni (networks of plugins), gpu (who has
// which GPU), cgroup (what the kernel counts), health (probes of containers), record (what became of tasks), metrics.
package containerizer
