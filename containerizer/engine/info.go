package engine

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Info is what the daemon wants to know of the Engine's host.
type Info struct {
	ServerVersion string // of the Engine, as it writes it: "20.10.24+dfsg1"
	APIVersion    string // that is spoken with it, "1.41"
	CgroupVersion int    // 1 or 2
	MemoryBytes   int64  // of the host

	Platform      ocispec.Platform // of the host
	RootDirectory string           // where the Engine keeps images, on its host

	// GPUs reports that the Engine knows of something that hands GPUs to containers: a runtime of NVIDIA's, or a GPU among the
	// devices of the Container Device Interface, which Engines tell from 28.2 on. A request for GPUs can still fail for other
	// reasons when the container is created or started, such as their number.
	GPUs bool
}

// Info asks the Engine about itself and its host.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	err := c.call(ctx, "ask for the Engine's info", "", infoLimit, func(ctx context.Context, api *client.Client) error {
		answer, err := api.Info(ctx)
		if err != nil {
			return err
		}
		info = Info{ServerVersion: answer.ServerVersion, APIVersion: api.ClientVersion(), MemoryBytes: answer.MemTotal, CgroupVersion: 1, GPUs: hasGPUs(answer), RootDirectory: answer.DockerRootDir}
		info.Platform = platforms.Normalize(ocispec.Platform{OS: answer.OSType, Architecture: answer.Architecture})
		if answer.CgroupVersion == "" { // Engines before 20.10 do not say, and know version 1 only
			return nil
		}
		info.CgroupVersion, err = strconv.Atoi(answer.CgroupVersion)
		return err
	})
	return info, err
}

// Platform asks the Engine for the platform of its host.
func (c *Client) Platform(ctx context.Context) (ocispec.Platform, error) {
	info, err := c.Info(ctx)
	return info.Platform, err
}

// hasGPUs looks for the runtime under the names that NVIDIA's tool configures (nvidia, nvidia-cdi, nvidia-legacy), and for
// devices of class gpu: "nvidia.com/gpu=0".
func hasGPUs(info system.Info) bool {
	for name := range info.Runtimes {
		if name == "nvidia" || strings.HasPrefix(name, "nvidia-") {
			return true
		}
	}
	return slices.ContainsFunc(info.DiscoveredDevices, func(d system.DeviceInfo) bool {
		kind, _, _ := strings.Cut(d.ID, "=")
		_, class, _ := strings.Cut(kind, "/")
		return d.Source == "cdi" && class == "gpu"
	})
}
