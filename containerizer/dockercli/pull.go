package dockercli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	docker "github.com/docker/docker/api/types/container"
	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/internal/policylist"
)

var pullSyntax = syntax{
	name:     "pull",
	operands: "NAME[:TAG|@DIGEST]",
	about:    "Download an image from a registry",
	options: func(set *pflag.FlagSet) {
		set.BoolP("quiet", "q", false, "Suppress verbose output")
		set.String("platform", "", "Set platform if server is multi-platform capable")
	},
}

// pull pulls an image, in one pull with all tasks that want it (package image), or answers when the pull has started
// (deferred.go).
func (d *Docker) pull(ctx context.Context, call Call) error {
	options, operands, err := pullSyntax.parse(call)
	if err != nil {
		return err
	}
	if len(operands) != 1 {
		return pullSyntax.wrongCount("requires exactly 1 argument")
	}
	named, err := reference.ParseNormalizedNamed(operands[0])
	if err != nil {
		return err
	}
	out := pullOutput{call: call, named: reference.TagNameOnly(named), quiet: option(options.GetBool("quiet"))}
	if !out.quiet && reference.IsNameOnly(named) {
		fmt.Fprintln(call.Stdout, "Using default tag: latest")
	}
	request, err := pullRequest(options, named)
	if err != nil {
		return err
	}
	request = d.credentialsFrom(call.Home, request)
	if d.deferred.hold > 0 {
		err := d.deferred.begin(ctx, request, d.pullForAgent)
		if err == nil {
			out.begun()
			out.deferred()
			return nil
		}
		d.options.Logger.Warn("the agent has to wait for its pull, which cannot be deferred", zap.String("image", request.Reference), zap.Error(err))
	}
	if err := d.checkImage(ctx, request.Reference); err != nil {
		return err
	}
	return d.finishPull(ctx, request, out)
}

// pullRequest returns a request that asks the registry even if the image is present, as docker does.
func pullRequest(options *pflag.FlagSet, named reference.Named) (image.Request, error) {
	request := image.Request{Reference: reference.FamiliarString(reference.TagNameOnly(named)), Force: true, ByAgent: true}
	platform := option(options.GetString("platform"))
	if platform == "" {
		return request, nil
	}
	parsed, err := platforms.Parse(platform)
	if err != nil {
		return request, said("Error response from daemon: " + err.Error())
	}
	request.Platform = &parsed
	return request, nil
}

// pullForAgent makes a deferred pull. It retries while the Engine is away, for as long as the pull is held. It does not pull an
// image that the policy refuses; the executor's session, or the agent's run, reports that.
func (d *Docker) pullForAgent(ctx context.Context, r image.Request) (note string, err error) {
	release := d.options.Images.Hold(ctx, r.Reference)
	defer release()
	for {
		if err = d.checkImage(ctx, r.Reference); err == nil {
			note, err = d.options.Images.Pull(ctx, r)
		}
		if !image.EngineAway(err) && !engine.IsUnavailable(err) || container.Pause(ctx, answerInterval) != nil {
			return note, err
		}
	}
}

// finishPull returns when the Engine has the image.
func (d *Docker) finishPull(ctx context.Context, r image.Request, out pullOutput) error {
	before, err := d.present(ctx, r)
	if err != nil {
		return d.explain(err)
	}
	out.begun()
	release := d.options.Images.Hold(ctx, r.Reference)
	defer release() // its caller has seen it by then
	note, err := d.options.Images.Pull(ctx, r)
	if err != nil {
		return d.explainPull(err)
	}
	after, err := d.present(ctx, r)
	if err != nil {
		return d.explain(err)
	}
	out.ended(before, after, note)
	return nil
}

// present inspects an image, which may be absent.
func (d *Docker) present(ctx context.Context, r image.Request) (dockerimage.InspectResponse, error) {
	found, err := d.options.Engine.InspectImage(ctx, r.Reference, r.Platform)
	if engine.IsImageNotFound(err) {
		err = nil
	}
	return found, err
}

// explainPull gives the failure of a pull the form of an Engine's error in docker. The text is the puller's, which knows more of
// the cause.
func (d *Docker) explainPull(err error) error {
	failed, ok := errors.AsType[*image.Error](err)
	switch {
	case !ok:
		return err
	case failed.Kind == image.NoEngine:
		return d.explain(failed.Err)
	default:
		return &explained{text: "Error response from daemon: " + failed.Error(), err: err}
	}
}

// pullOutput prints what docker prints of a pull, except the layers.
type pullOutput struct {
	call  Call
	named reference.Named
	quiet bool
}

func (o pullOutput) begun() {
	if o.quiet {
		return
	}
	version := ""
	switch named := o.named.(type) {
	case reference.Canonical:
		version = named.String()
	case reference.Tagged:
		version = named.Tag()
	}
	fmt.Fprintf(o.call.Stdout, "%s: Pulling from %s\n", version, reference.Path(o.named))
}

func (o pullOutput) deferred() {
	if !o.quiet {
		fmt.Fprintf(o.call.Stdout, "Status: Pulling %s, which its executor waits for (defer_pull)\n", reference.FamiliarString(o.named))
	}
	fmt.Fprintln(o.call.Stdout, o.named.String())
}

func (o pullOutput) ended(before, after dockerimage.InspectResponse, note string) {
	if !o.quiet {
		if digest := digestOf(o.named, after); digest != "" {
			fmt.Fprintf(o.call.Stdout, "Digest: %s\n", digest)
		}
		status := "Downloaded newer image for "
		if before.ID == after.ID {
			status = "Image is up to date for "
		}
		fmt.Fprintf(o.call.Stdout, "Status: %s%s\n", status, reference.FamiliarString(o.named))
	}
	if note != "" {
		fmt.Fprintln(o.call.Stderr, note)
	}
	fmt.Fprintln(o.call.Stdout, o.named.String())
}

// digestOf returns the digest of an image in a repository.
func digestOf(named reference.Named, found dockerimage.InspectResponse) string {
	for _, digest := range found.RepoDigests {
		if value, ok := strings.CutPrefix(digest, reference.FamiliarName(named)+"@"); ok {
			return value
		}
	}
	return ""
}

// checkPolicy applies the operator's policy to a framework's request through its agent. The agent itself is root, but the values in its
// commands are the framework's.
func (d *Docker) checkPolicy(ctx context.Context, s policy.Subject) error {
	return d.options.Policy.Check(ctx, s, d.options.Engine)
}

// checkImage applies the policy to an image. The other rules need the container, which is not known yet.
func (d *Docker) checkImage(ctx context.Context, reference string) error {
	err := d.checkPolicy(ctx, policy.Subject{Image: reference, Config: &docker.Config{Image: reference}})
	if refused, ok := errors.AsType[*policy.Refusal](err); ok && refused.Rule != policylist.Images {
		return nil
	}
	return err
}
