package localagent

import (
	"testing"

	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/test/oldkernel"
)

// On a kernel without pidfds the processes of an executor are killed as on others.
func TestOldKernel(t *testing.T) { oldkernel.Run(t, unix.ENOSYS, "TestCloseLeavesNoProcess") }
