// Package image brings the image of a task to the Engine, and takes it away again when nothing has used it for a time. It owns the
// question whether a registry has to be asked, the pulls that run, the credentials they use, and what a person is told about their
// progress and their failure.
//
//	puller, err := image.New(image.Options{Engine: docker, InactivityTimeout: 5 * time.Minute, Logger: logger})
//	defer puller.Hold(ctx, "busybox")() // until a container uses it
//	note, err := puller.Pull(ctx, image.Request{Reference: "busybox", SandboxDirectory: sandbox, Progress: show})
//
// When Pull returns nil the Engine has the image. However many tasks wait for the same image with the same credentials, one pull
// runs; a task that is killed leaves it, and when the last has left, the Engine is told to stop.
//
// # Where to look
//
//   - puller.go: the order of things for one request; policy.go: when a registry is asked.
//   - coordinator.go: how several waiters share one pull; slots.go: how many pulls run at once.
//   - retry.go: the tries of one pull; attempt.go: one of them; retryafter.go: how long a registry wants to be left alone.
//   - progress.go, rate.go: the Engine's messages of each layer added up.
//   - credentials.go, sandbox.go: the task's credentials, and how its files are read by a root process; admin.go, helper.go: the
//     operator's; agentpulls.go: what an agent has pulled with those that only it has.
//   - errors.go: why a pull failed and whose fault it was; explain.go, words.go: how that is found out.
//   - collector.go: which images are removed; mark.go: how they are known to be ours; holds.go: why none is removed that is
//     about to be used.
//   - observer.go: what is told of all this, for metrics.
//
// # Caveats
//
//   - An image that is present is used without asking a registry, unless Force is set (contract 1.2, step 4). So tasks without
//     credentials can use images that others have pulled, as with the stock containerizer.
//   - A forced request that joins a running pull gets what that pull finds, even if the tag moved after it had begun.
//   - A registry that hangs is noticed after InactivityTimeout. There is no limit for a whole pull here: that is the context's.
//   - An Engine that is told to stop a pull may keep its connection to a registry that hangs.
package image
