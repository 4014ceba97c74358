// Package image brings the image of a task to the Engine. It owns the question whether a registry has to be asked, the pulls that
// run, the credentials they use, and what a person is told about their progress and their failure.
//
//	puller, err := image.New(image.Options{Engine: docker, InactivityTimeout: 5 * time.Minute, Logger: logger})
//	err = puller.Pull(ctx, image.Request{Reference: "busybox", SandboxDirectory: sandbox, Progress: show})
//
// When Pull returns nil the Engine has the image. However many tasks wait for the same image with the same credentials, one pull
// runs; a task that is killed leaves it, and when the last has left, the Engine is told to stop.
//
// # Where to look
//
//   - puller.go: the order of things for one request.
//   - coordinator.go: how several waiters share one pull.
//   - progress.go: the Engine's messages of each layer added up.
//   - credentials.go, sandbox.go: which credentials are used, and how files of a task are read by a root process.
//   - errors.go: why a pull failed and whose fault it was.
//
// # Caveats
//
//   - An image that is present is used without asking a registry, unless Force is set (contract section 1.2.4). So tasks without
//     credentials can use images that others have pulled, as with the stock containerizer.
//   - A forced request that joins a running pull gets what that pull finds, even if the tag moved after it had begun.
//   - A registry that hangs is noticed after InactivityTimeout. There is no limit for a whole pull here: that is the context's.
package image
