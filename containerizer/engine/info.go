package engine

import (
	"context"
	"strconv"

	"github.com/docker/docker/client"
)

// Info is what the daemon wants to know of the Engine's host.
type Info struct {
	ServerVersion string // of the Engine, as it writes it: "20.10.24+dfsg1"
	CgroupVersion int    // 1 or 2
	MemoryBytes   int64  // of the host
}

// Info asks the Engine about itself and its host.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	err := c.call(ctx, "ask for the Engine's info", "", infoLimit, func(ctx context.Context, api *client.Client) error {
		answer, err := api.Info(ctx)
		if err != nil {
			return err
		}
		info = Info{ServerVersion: answer.ServerVersion, MemoryBytes: answer.MemTotal, CgroupVersion: 1}
		if answer.CgroupVersion == "" { // Engines before 20.10 do not say, and know version 1 only
			return nil
		}
		info.CgroupVersion, err = strconv.Atoi(answer.CgroupVersion)
		return err
	})
	return info, err
}
