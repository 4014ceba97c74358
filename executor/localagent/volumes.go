package localagent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// volumeMode is that of the agent's own volumes.
const volumeMode = 0o755

// makeVolumes creates in a sandbox the directory of each persistent volume, where an agent mounts the volume (contract
// 1.2). Such a volume is new and goes with the sandbox. Of paths that lead out of the sandbox or have a slash an agent
// takes no notice.
func makeVolumes(sandbox string, task mesos.TaskInfo, executor mesos.ExecutorInfo) error {
	for _, resource := range slices.Concat(task.Resources, executor.Resources) {
		if resource.GetDisk().GetPersistence() == nil {
			continue
		}
		name := resource.GetDisk().GetVolume().GetContainerPath()
		if !filepath.IsLocal(name) || name == "." || strings.Contains(name, "/") {
			continue
		}
		if err := os.MkdirAll(filepath.Join(sandbox, name), volumeMode); err != nil {
			return fmt.Errorf("make persistent volume: %w", err)
		}
	}
	return nil
}
