package engine

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Info is what the daemon wants to know of the Engine's host.
type Info struct {
	ServerVersion string // of the Engine, as it writes it: "20.10.24+dfsg1"
	APIVersion    string // that is spoken with it, "1.41"
	CgroupVersion int    // 1 or 2
	CgroupDriver  string // "cgroupfs" or "systemd"
	MemoryBytes   int64  // of the host

	Platform      ocispec.Platform // of the host
	RootDirectory string           // where the Engine keeps images, on its host
	Userns        *Userns          // nil where containers have the host's users

	Runtimes       []string // names of the OCI runtimes
	DefaultRuntime string

	// CDISpecDirs are where the Engine reads specifications of the Container Device Interface; empty where it does not.
	CDISpecDirs []string

	// CDIDevices are the devices that the Engine has found there, if DevicesKnown: Engines tell from 28.2 on.
	CDIDevices   []string
	DevicesKnown bool
}

// Info asks the Engine about itself and its host.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	err := c.call(ctx, "ask for the Engine's info", "", infoLimit, func(ctx context.Context, api *client.Client) error {
		answer, err := api.Info(ctx)
		if err != nil {
			return err
		}
		info = Info{
			ServerVersion: answer.ServerVersion, APIVersion: api.ClientVersion(), MemoryBytes: answer.MemTotal, CgroupVersion: 1, CgroupDriver: answer.CgroupDriver, RootDirectory: answer.DockerRootDir,
			Runtimes: slices.Sorted(maps.Keys(answer.Runtimes)), DefaultRuntime: answer.DefaultRuntime, Userns: UsernsOf(answer.SecurityOptions, answer.DockerRootDir),
			CDISpecDirs: answer.CDISpecDirs, DevicesKnown: versions.GreaterThanOrEqualTo(api.ClientVersion(), DevicesAPI),
		}
		for _, d := range answer.DiscoveredDevices {
			if d.Source == "cdi" {
				info.CDIDevices = append(info.CDIDevices, d.ID)
			}
		}
		info.Platform = platforms.Normalize(ocispec.Platform{OS: answer.OSType, Architecture: answer.Architecture})
		if answer.CgroupVersion == "" { // Engines before 20.10 do not say, and know version 1 only
			return nil
		}
		info.CgroupVersion, err = strconv.Atoi(answer.CgroupVersion)
		return err
	})
	return info, err
}

// unknownCommit is what the Engine says of the version of a containerd that does not answer.
const unknownCommit = "N/A"

// ContainerdAway asks whether the Engine gets an answer from containerd, which it needs for starts.
func (c *Client) ContainerdAway(ctx context.Context) (away bool, err error) {
	err = c.call(ctx, "ask for the Engine's info", "", pingLimit, func(ctx context.Context, api *client.Client) error {
		answer, err := api.Info(ctx)
		away = answer.ContainerdCommit.ID == unknownCommit
		return err
	})
	return away, err
}

// Platform asks the Engine for the platform of its host.
func (c *Client) Platform(ctx context.Context) (ocispec.Platform, error) {
	info, err := c.Info(ctx)
	return info.Platform, err
}

// DevicesAPI is the first version in which the Engine lists the CDI devices that it knows.
const DevicesAPI = "1.50"

// IsNVIDIARuntime reports whether a runtime has one of the names that NVIDIA's tool configures (nvidia, nvidia-cdi, nvidia-legacy).
func IsNVIDIARuntime(name string) bool { return name == "nvidia" || strings.HasPrefix(name, "nvidia-") }

// HasNVIDIARuntime reports whether the Engine has one of NVIDIA's runtimes.
func (i Info) HasNVIDIARuntime() bool { return slices.ContainsFunc(i.Runtimes, IsNVIDIARuntime) }

// Runs reports whether the host's processor runs programs of a platform by itself.
func (i Info) Runs(of ocispec.Platform) bool {
	return platforms.Only(i.Platform).Match(platforms.Normalize(of))
}
