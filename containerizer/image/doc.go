// Package image pulls the images of tasks and removes them again when nothing has used them for a time. It decides whether a
// registry is asked, runs the pulls, finds their credentials, and words their progress and their failures.
//
//	puller, err := image.New(image.Options{Engine: docker, InactivityTimeout: 5 * time.Minute, Logger: logger})
//	release := puller.Hold(ctx, "busybox")
//	defer release() // until a container uses it
//	note, err := puller.Pull(ctx, image.Request{Reference: "busybox", SandboxDirectory: sandbox, Progress: show})
//
// When Pull returns nil the Engine has the image. Tasks that want the same image with the same credentials share one pull. A task
// that is killed leaves it, and the pull is cancelled when the last task has left.
//
// # Caveats
//
//   - Without Force an image that is present is used without asking a registry (contract 1.2, step 4). So a task without
//     credentials can use an image that another task has pulled, as under the stock containerizer.
//   - A forced request that joins a running pull gets the result of that pull, even if the tag moved after its start.
//   - A registry that hangs is noticed after InactivityTimeout. The context alone limits the whole pull.
//   - After a cancelled pull the Engine may keep its connection to a registry that hangs.
package image
