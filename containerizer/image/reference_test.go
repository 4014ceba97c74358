package image

import (
	"strings"
	"testing"

	"github.com/distribution/reference"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParseReference(t *testing.T) {
	for _, tt := range []struct{ name, want, domain string }{
		{"busybox", "busybox:latest", "docker.io"},
		{"busybox:1.35", "busybox:1.35", "docker.io"},
		{"docker.io/library/busybox", "busybox:latest", "docker.io"},
		{"index.docker.io/team/app", "team/app:latest", "docker.io"},
		{"team/app@" + digest, "team/app@" + digest, "docker.io"},
		{"registry:5000/app", "registry:5000/app:latest", "registry:5000"}, // MESOS-1724: the port is no tag
		{"registry:5000/a/b/c:v1", "registry:5000/a/b/c:v1", "registry:5000"},
		{"registry:5000/app:v1@" + digest, "registry:5000/app@" + digest, "registry:5000"},
		{"localhost/app", "localhost/app:latest", "localhost"},
	} {
		ref, err := parseReference(tt.name)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := familiar(ref); got != tt.want {
			t.Errorf("%s became %s, want %s", tt.name, got, tt.want)
		}
		if got := reference.Domain(ref.(reference.Named)); got != tt.domain {
			t.Errorf("%s is of %s, want %s", tt.name, got, tt.domain)
		}
	}
	for _, id := range []string{digest, strings.TrimPrefix(digest, "sha256:")} {
		ref, err := parseReference(id)
		if err != nil || familiar(ref) != digest {
			t.Errorf("%s: %v, %v", id, ref, err)
		}
		if _, ok := ref.(reference.Named); ok {
			t.Errorf("id %s has become a name", id)
		}
	}
	for _, name := range []string{"", ":latest", "Upper/case/Name", "a b", "app:", "app@sha256:12", "https://registry/app", "../app"} {
		if ref, err := parseReference(name); err == nil {
			t.Errorf("%q became %v", name, ref)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{"busybox", "registry:5000/app:v1@" + digest, digest, "[::1]:5000/app", ":", "a//b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		ref, err := parseReference(name)
		if err != nil {
			return
		}
		again, err := parseReference(familiar(ref))
		if err != nil || again.String() != ref.String() {
			t.Fatalf("%q became %q, which is %v, %v", name, familiar(ref), again, err)
		}
	})
}
