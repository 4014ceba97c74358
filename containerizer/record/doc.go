// Package record keeps what became of each task in the last 24 hours, so that `why` can explain it while the Engine hangs or the daemon
// is away. A Record is one task: what was asked for, its changes of state, and what ended it. A Store writes each to a JSON file below
// the daemon's state directory, from a goroutine of its own, so that a slow or full disk holds no task up. Nothing depends on these
// files: a daemon that finds none starts empty.
//
// Records hold no values of variables or parameters, no arguments of commands and no credentials. Text that comes from tasks is bounded.
package record
