package containerizer

import (
	"testing"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/test/oldkernel"
)

// On a kernel without pidfds and openat2 sandboxes are checked, the ends of processes seen and hung Engines passed by as on others.
func TestOldKernel(t *testing.T) {
	oldkernel.Run(t, unix.ENOSYS, "TestCheckSandbox", "TestExitWithoutEvent", "TestKillThatHangs", "TestKillWhileTheEngineIsAway")
}
