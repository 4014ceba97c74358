// Package policy checks what a task would have the Engine create against the policy files of the host's operator (docs/architecture.md,
// "Trust"; docs/policy.md is the operator's view).
//
// New reads the rules, one for each file. Check takes the finished Config, HostConfig and networking, not the TaskInfo they came
// from: a host path is checked the same whether it came as a volume, as a parameter, in a named volume that is a bind mount, or
// from another container by volumes-from. It returns nil, a *Refusal, which is the fault of the task and says which rule of
// which file it is about, or another error where the Engine could not be asked.
//
// How a rule reads:
//
//   - A rule that is not set is open for executors of root, as stock is, and closed for all others.
//   - Rules are joined by "and". What gives several things at once, such as privileged, has to be allowed by each rule it
//     touches.
//   - Once one rule is set, a field that this package does not know (fields.go) must not be set.
//   - Values that are not understood match no item, only "*".
//
// Caveat: paths are checked before the Engine mounts them. Who can write to a directory below an allowed path can exchange
// something there for a symlink in between; docs/policy.md says how to choose paths with that in mind.
package policy
