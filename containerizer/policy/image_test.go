package policy

import (
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

func TestImages(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	other := "sha256:" + strings.Repeat("cd", 32)
	for _, tt := range []struct{ item, accepted, refused string }{
		{"registry.example/*", "registry.example/app registry.example/a/b:1 registry.example/a@" + digest,
			"app registry.example.org/app evil.org/registry.example/app registry.example:5000/app docker.io/registry.example/app"},
		{"registry.example:5000/*", "registry.example:5000/app", "registry.example/app"},
		{"registry.example/team/*", "registry.example/team/app registry.example/team/a/b", "registry.example/team registry.example/teams/app registry.example/app"},
		{"docker.io/*", "busybox docker.io/library/busybox team/app index.docker.io/team/app", "registry.example/app localhost/app"},
		{"index.docker.io/*", "busybox team/app", "registry.example/app"},
		{"localhost/*", "localhost/app", "localhosts/app busybox"},
		{"team/*", "team/app:1 docker.io/team/app", "teams/app library/app busybox"},
		{"library/*", "busybox library/busybox:1", "team/busybox"},
		{"busybox", "busybox busybox:1 docker.io/library/busybox busybox@" + digest, "busybox2 team/busybox registry.example/busybox registry.example/library/busybox"},
		{"busybox:1", "busybox:1 docker.io/library/busybox:1", "busybox busybox:latest busybox:1@" + digest + " busybox@" + digest},
		{"busybox:latest", "busybox busybox:latest", "busybox:1 busybox@" + digest},
		{"busybox@" + digest, "busybox@" + digest + " busybox:any@" + digest, "busybox busybox@" + other},
		{digest, digest + " " + strings.TrimPrefix(digest, "sha256:"), "sha256:abab abab busybox " + other},
		{"docker.io/*", "cafe:latest library/cafe", "cafe sha256:cafe " + digest + " " + strings.TrimPrefix(digest, "sha256:")},
		{"*", "cafe busybox a/b", ""},
		{"none", "", "busybox"},
		{"registry.example/*", "", "registry.example/../x registry.example/A REGISTRY.example/app"},
	} {
		p := mustNew(t, rules(t, "allowed_images="+tt.item))
		check := func(image string) error {
			return p.Check(t.Context(), Subject{Config: &config{Image: image}, Image: image}, nil)
		}
		for image := range strings.FieldsSeq(tt.accepted) {
			if err := check(image); err != nil {
				t.Errorf("%s: %v", tt.item, err)
			}
		}
		for image := range strings.FieldsSeq(tt.refused + " ") {
			if err := check(image); err == nil {
				t.Errorf("%s lets %s pass", tt.item, image)
			}
		}
	}
}

// TestImagesOtherThanTheTasks checks images that are mounted, and both names where two are given.
func TestImagesOtherThanTheTasks(t *testing.T) {
	p := mustNew(t, rules(t, "allowed_images=registry.example/*"))
	mounted := host(func(h *container.HostConfig) { h.Mounts = []mount.Mount{{Type: "image", Source: "secret/app"}} })
	if r := wantRefused(t, p, mounted, nil); r.Field != "HostConfig.Mounts" || r.Value != "secret/app" {
		t.Error(r)
	}
	pulled := subject(nil)
	pulled.Image = "secret/app"
	wantRefused(t, p, pulled, nil)
}
