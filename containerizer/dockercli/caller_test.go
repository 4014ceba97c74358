package dockercli

import (
	"bytes"
	"context"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/image"
)

// withImages gives a Docker a Puller.
func withImages(t *testing.T, o image.Options) func(*Options) {
	return func(options *Options) {
		t.Helper()
		o.Engine, o.InactivityTimeout, o.Logger = options.Engine, time.Minute, options.Logger
		images, err := image.New(o)
		if err != nil {
			t.Fatal(err)
		}
		options.Images = images
	}
}

func deferring(o *Options) { o.DeferPull = true }

// answerFrom carries out one command for a caller with a HOME.
func answerFrom(ctx context.Context, d *Docker, home string, arguments ...string) result {
	var stdout, stderr bytes.Buffer
	status := d.Answer(ctx, Call{Arguments: arguments, Home: home, Stdin: new(bytes.Buffer), Stdout: &stdout, Stderr: &stderr,
		Client: newRunClient(&stdout, &stderr)})
	return result{Status: status, Stdout: stdout.String(), Stderr: stderr.String()}
}

// newestDeferred is the newest deferred pull of an image.
func newestDeferred(d *Docker, ref string) *deferral {
	d.deferred.mu.Lock()
	defer d.deferred.mu.Unlock()
	pulls := d.deferred.open[image.Canonical(ref)]
	return pulls[len(pulls)-1]
}
