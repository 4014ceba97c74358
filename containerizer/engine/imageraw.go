package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/docker/docker/client"
)

// InspectImageRaw is InspectImage for whichever platform there is, as the Engine's own JSON object: with the fields that this
// version of the docker client does not know, and without those that it would add.
func (c *Client) InspectImageRaw(ctx context.Context, ref string) (json.RawMessage, error) {
	var raw bytes.Buffer
	err := c.call(ctx, "inspect image", ref, imageInspectLimit, func(ctx context.Context, api *client.Client) error {
		raw.Reset()
		answer, err := api.ImageInspect(ctx, ref, client.ImageInspectWithRawResponse(&raw))
		if err == nil && answer.ID == "" {
			err = errors.New("the answer has no image id")
		}
		return err
	})
	return bytes.TrimSpace(raw.Bytes()), ofImage(err)
}
