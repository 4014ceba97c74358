package dockercli

import (
	"bytes"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
)

// The tables are those that docker 20.10 answered to an agent, but for the notation of the second port, where it wrote ":::31000".
func TestTableIsDockers(t *testing.T) {
	task := container.Summary{
		ID: "42016a5714336c1d66c4b3d69ecbdde25506a864bae9c85e6a172c367f1bbd1d", Names: []string{"/mesos-de22be34-6a8c-4f87-a93f-7a86365b9031"},
		Image: "127.0.0.1:5000/app:1", ImageID: "sha256:9739df264035448ee0207865c78e96fdafdd1626006dc4085cc5343356d6fff0",
		Command: `/bin/sh -c 'trap "exit 0" TERM; echo hello; while :; do sleep 0.2; done'`,
		Created: time.Now().Add(-9 * time.Second).Unix(), Status: "Up 8 seconds",
		Ports: []container.Port{
			{IP: "0.0.0.0", PrivatePort: 80, PublicPort: 31000, Type: "tcp"}, {IP: "::", PrivatePort: 80, PublicPort: 31000, Type: "tcp"},
		},
	}
	const row = `CONTAINER ID   IMAGE                  COMMAND                   CREATED         STATUS         PORTS                                       NAMES
42016a571433   127.0.0.1:5000/app:1   "/bin/sh -c 'trap \"e…"   9 seconds ago   Up 8 seconds   0.0.0.0:31000->80/tcp, [::]:31000->80/tcp   mesos-de22be34-6a8c-4f87-a93f-7a86365b9031
`
	for _, c := range []struct {
		list []container.Summary
		want string
	}{
		{nil, "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n"},
		{[]container.Summary{task}, row},
	} {
		var out bytes.Buffer
		if err := writeTable(&out, c.list); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Errorf("docker's table and ours:\n%s", diff)
		}
	}
}

// A container may have no name any more, and more than one where it is linked to.
func TestListedName(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{{nil, ""}, {[]string{"/a"}, "a"}, {[]string{"/web/db", "/db"}, "db"}, {[]string{"/web/db"}, ""}} {
		if got := listedName(container.Summary{Names: c.names}); got != c.want {
			t.Errorf("%q: %q, want %q", c.names, got, c.want)
		}
	}
}
