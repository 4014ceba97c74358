package e2e

import (
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/test/dockerregistry"
	"mesos-docker-containerizer/test/environment/testimage"
)

// ofImage is a task that does what its image says.
func ofImage(t *testing.T, reference string, force bool) mesos.TaskInfo {
	t.Helper()
	info := dockerTask(t, reference, mesos.CommandInfo{Shell: new(false)})
	info.Container.Docker.ForcePullImage = &force
	return info
}

func TestPull(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	registry := dockerregistry.New(t, dockerregistry.Options{}).Address
	reference := registry + "/" + strings.ToLower(t.Name()) + ":1"
	wantWord := func(t *testing.T, force bool, word string) {
		t.Helper()
		k := h.launch(t, ofImage(t, reference, force))
		k.finish(t)
		if got := k.output(t, "stdout"); got != word+"\n" {
			t.Errorf("the container says %q, want %q", got, word)
		}
	}

	h.push(t, reference, "first")
	h.untag(t, reference)
	wantWord(t, false, "first") // pulled, since it is not here

	// The registry's tag moves on, the Engine's does not.
	h.push(t, reference, "second")
	h.tag(t, reference, testimage.Spec{Cmd: []string{"echo", "first"}})
	wantWord(t, false, "first")
	wantWord(t, true, "second")
	wantWord(t, false, "second")
}

// An image that is here counts for nothing if the registry is to be asked and does not have it, or does not answer.
func TestForcedPullThatFails(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	registry := dockerregistry.New(t, dockerregistry.Options{}).Address
	for name, test := range map[string]struct {
		reference string
		words     []string
	}{
		"registry says no":   {registry + "/e2e/only-here:1", []string{"only-here:1", "not found"}},
		"nobody answers":     {"127.0.0.1:1/e2e/only-here:1", []string{"only-here:1", "connection refused"}},
		"registry of nobody": {"registry.invalid/e2e/only-here:1", []string{"registry.invalid/e2e/only-here:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.tag(t, test.reference, testimage.Spec{Cmd: []string{"echo", "not asked"}})
			k, status := h.run(t, ofImage(t, test.reference, true))
			wantMessage(t, status, mesos.TASK_FAILED, test.words...)
			if got := k.output(t, "stdout"); got != "" {
				t.Errorf("something ran and said %q", got)
			}
			k, status = h.run(t, ofImage(t, test.reference, false))
			if status.GetState() != mesos.TASK_FINISHED {
				t.Errorf("without force: %s", story(k.updates(t)))
			}
		})
	}
}

func TestMissingImage(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	registry := dockerregistry.New(t, dockerregistry.Options{}).Address
	k, status := h.run(t, ofImage(t, registry+"/e2e/missing:7", false))
	wantMessage(t, status, mesos.TASK_FAILED, registry+"/e2e/missing:7", "not found")
	if got := states(k.updates(t)); got != "STARTING FAILED" {
		t.Errorf("states %s", got)
	}
}
