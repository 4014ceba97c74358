package health

import (
	"testing"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/test/oldkernel"
)

// On a kernel without pidfds the network of a container is entered, and a command killed, as on others.
func TestOldKernel(t *testing.T) {
	oldkernel.Run(t, unix.ENOSYS, "TestTCP", "TestKillSessionSparesOthers")
}
