package dockercli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"mesos-docker-containerizer/containerizer/engine"
)

var inspectSyntax = syntax{
	name:     "inspect",
	operands: "NAME|ID [NAME|ID...]",
	about:    "Return low-level information on Docker objects",
	options: func(set *pflag.FlagSet) {
		set.String("type", "", "Return JSON for specified type")
	},
}

// errAbsent is the error for an absent object.
var errAbsent = errors.New("there is no such object")

// inspect prints the Engine's inspects of containers and images as one JSON array, and absent objects to stderr.
func (d *Docker) inspect(ctx context.Context, call Call) error {
	options, names, err := inspectSyntax.parse(call)
	if err != nil {
		return err
	}
	find, called := d.findObject, "object"
	switch kind := option(options.GetString("type")); kind {
	case "":
	case "container":
		find, called = d.findContainer, kind
	case "image":
		find, called = d.findImage, kind
	default:
		return fmt.Errorf("%q is not a valid value for --type", kind)
	}
	found := []json.RawMessage{}
	var failures []error
	for _, name := range names {
		raw, err := find(ctx, name)
		switch {
		case err == nil:
			found = append(found, raw)
		case errors.Is(err, errAbsent):
			failures = append(failures, said(fmt.Sprintf("Error: No such %s: %s", called, name)))
		default:
			failures = append(failures, d.explain(err))
		}
	}
	if err := writeObjects(call, found); err != nil {
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// writeObjects prints an array in docker's format and does not change its values.
func writeObjects(call Call, objects []json.RawMessage) error {
	var out bytes.Buffer
	out.WriteByte('[')
	for i, o := range objects {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(o)
	}
	out.WriteByte(']')
	var indented bytes.Buffer
	if err := json.Indent(&indented, out.Bytes(), "", "    "); err != nil {
		return fmt.Errorf("what the Engine answered is not JSON: %w", err)
	}
	indented.WriteByte('\n')
	_, err := call.Stdout.Write(indented.Bytes())
	return err
}

// findObject finds a container, else an image.
func (d *Docker) findObject(ctx context.Context, name string) (json.RawMessage, error) {
	raw, err := d.findContainer(ctx, name)
	if errors.Is(err, errAbsent) {
		return d.findImage(ctx, name)
	}
	return raw, err
}

// findContainer inspects a container. If the Engine cannot, the result is the last inspect after a recent `ps -a`.
func (d *Docker) findContainer(ctx context.Context, name string) (json.RawMessage, error) {
	name = strings.TrimPrefix(name, "/")
	if !engine.ValidName(name) {
		return nil, errAbsent
	}
	var c engine.Container
	err := d.retryWhileUnavailable(ctx, func(ctx context.Context) (err error) {
		c, err = d.options.Engine.Inspect(ctx, name)
		return err
	})
	if err == nil {
		return completeContainer(c.Raw)
	}
	last, known := d.inspects.recall(name)
	switch {
	case engine.IsNotFound(err) && known:
		return ended(last.inspect)
	case engine.IsNotFound(err):
		return nil, errAbsent
	case engine.IsUnavailable(err) && known && !last.listed:
		return completeContainer(last.inspect)
	}
	return nil, err
}

func (d *Docker) findImage(ctx context.Context, reference string) (json.RawMessage, error) {
	raw, err := d.inspectImage(ctx, reference)
	if engine.IsImageNotFound(err) || engine.IsInvalid(err) {
		return nil, errAbsent
	}
	return raw, err
}
