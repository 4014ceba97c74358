package image_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/test/dockerregistry"
)

// Fifty tasks that want an image at once cost its registry as much as one, also when they force the pull.
func TestFiftyTasksAtOnce(t *testing.T) {
	h := newHost(t, dockerregistry.Options{Login: "user:geheim"})
	p := newPuller(t, h, []byte(`{"`+h.registry.Address+`":{"username":"user","password":"geheim"}}`))
	ref := h.publish(t, 5<<20)
	pullBy50 := func(force bool) {
		t.Helper()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := p.Pull(t.Context(), image.Request{Reference: ref, Force: force}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	pullBy50(false)
	name, _, _ := strings.Cut(strings.TrimPrefix(ref, h.registry.Address+"/"), ":")
	blobs := h.blobs(name)
	if len(blobs) != 2 { // one layer and the configuration
		t.Errorf("blobs %v", blobs)
	}
	for blob, n := range blobs {
		if n != 1 {
			t.Errorf("%s was fetched %d times", blob, n)
		}
	}
	before := len(h.registry.Requests(manifestRequests))
	pullBy50(true)
	for blob, n := range h.blobs(name) {
		if n != 1 {
			t.Errorf("%s was fetched %d times, though the image is unchanged", blob, n)
		}
	}
	if len(h.registry.Requests(manifestRequests)) == before {
		t.Error("the registry was not asked by force")
	}
}

// blobs counts how often each blob of a repository was fetched, according to the registry's own log.
func (h *host) blobs(name string) map[string]int {
	count := make(map[string]int)
	for _, fetched := range h.registry.Requests(`"GET /v2/` + regexp.QuoteMeta(name) + `/blobs/sha256:[0-9a-f]+ HTTP/[0-9.]+" 2`) {
		count[fetched]++
	}
	return count
}

// Names of every form lead to the image.
func TestForms(t *testing.T) {
	h := newHost(t, dockerregistry.Options{})
	p := newPuller(t, h, nil)
	plain := h.publish(t, 1000)
	nested := strings.Replace(plain, "/", "/team/project.x/", 1)
	h.push(t, nested, 1000)
	inspected, err := h.bare.ImageInspect(t.Context(), nested)
	if err != nil || len(inspected.RepoDigests) == 0 {
		t.Fatalf("%v, %v", inspected.RepoDigests, err)
	}
	byDigest := inspected.RepoDigests[0]
	_, digest, _ := strings.Cut(byDigest, "@")
	h.remove(t, nested)
	for _, ref := range []string{plain, nested, byDigest, nested + "@" + digest} {
		for _, force := range []bool{false, true} {
			if _, err := p.Pull(t.Context(), image.Request{Reference: ref, Force: force}); err != nil {
				t.Errorf("%s, force %v: %v", ref, force, err)
			}
		}
	}
	removeImage(h.socket, byDigest)
	removeImage(h.socket, nested)
	removeImage(h.socket, plain)
}
