package engine

import (
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestLifeOfAContainer(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	ctx := t.Context()
	labels := Labels{Instance: uniqueName(), Name: uniqueName(), Task: "web.1", StopGrace: time.Second}
	cfg := shell(ref, "trap '' TERM; sleep 1000")
	cfg.Labels = labels.Map()
	host := &container.HostConfig{NetworkMode: "none"}
	id, _, err := c.Create(ctx, labels.Name, cfg, host, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Remove(ctx, id); err != nil {
			t.Error(err)
		}
	}()
	if _, _, err := c.Create(ctx, labels.Name, shell(ref, "true"), host, nil, nil); !IsConflict(err) {
		t.Errorf("create under a used name: %v", err)
	}
	if err := c.Kill(ctx, id, "KILL"); !IsConflict(err) {
		t.Errorf("kill before start: %v", err)
	}
	start(t, c, id)
	start(t, c, id) // a repeated start is a success

	list, err := c.List(ctx, InstanceLabel(labels.Instance))
	if err != nil || len(list) != 1 || list[0].ID != id {
		t.Fatalf("list: %+v, %v", list, err)
	}
	if got, err := ParseLabels(list[0].Labels); err != nil || !got.Ours(labels.Instance, list[0].Names[0]) || got != labels {
		t.Errorf("labels: %+v, %v", got, err)
	}
	inspected, err := c.Inspect(ctx, labels.Name)
	if err != nil || inspected.ID != id || !inspected.State.Running {
		t.Fatalf("inspect: %+v, %v", inspected.State, err)
	}
	var object map[string]any
	if err := json.Unmarshal(inspected.Raw, &object); err != nil || object["Id"] != id {
		t.Errorf("raw: %v, %s", err, inspected.Raw)
	}

	if err := c.Stop(ctx, id, -time.Second); !IsInvalid(err) {
		t.Errorf("negative grace: %v", err)
	}
	if err := c.Stop(ctx, id, 999*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(ctx, id, 0); err != nil {
		t.Errorf("second stop: %v", err)
	}
	if inspected, err = c.Inspect(ctx, id); err != nil || inspected.State.Running || inspected.State.ExitCode != 137 {
		t.Errorf("after stop: %+v, %v", inspected.State, err)
	}
	for range 2 { // not found is success
		if err := c.Remove(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err = c.Inspect(ctx, id); !IsNotFound(err) || IsImageNotFound(err) {
		t.Errorf("inspect after remove: %v", err)
	}
	if err = c.Start(ctx, id); !IsNotFound(err) {
		t.Errorf("start after remove: %v", err)
	}
	if err = c.Kill(ctx, id, "KILL"); !IsNotFound(err) {
		t.Errorf("kill after remove: %v", err)
	}
}

func TestRefusalsOfCreate(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	none := func() *container.HostConfig { return &container.HostConfig{NetworkMode: "none"} }
	for _, tt := range []struct {
		name     string
		cfg      *container.Config
		host     *container.HostConfig
		platform *ocispec.Platform
		is       func(error) bool
	}{
		{"no configuration", nil, none(), nil, IsInvalid},
		{"image is missing", shell(uniqueName(), "true"), none(), nil, IsImageNotFound},
		{"image is of another platform", shell(ref, "true"), none(), &ocispec.Platform{OS: "linux", Architecture: "s390x"}, IsImageNotFound},
		{"image reference is malformed", shell("A/B:::", "true"), none(), nil, IsInvalid},
		{"container to take volumes from is missing", shell(ref, "true"),
			&container.HostConfig{NetworkMode: "none", VolumesFrom: []string{uniqueName()}}, nil, IsInvalid},
		{"bind of a relative path", shell(ref, "true"),
			&container.HostConfig{NetworkMode: "none", Binds: []string{"a/b:/c"}}, nil, IsInvalid},
		{"no command", &container.Config{Image: ref}, none(), nil, IsInvalid},
	} {
		id, _, err := c.Create(t.Context(), uniqueName(), tt.cfg, tt.host, &network.NetworkingConfig{}, tt.platform)
		if err == nil {
			_ = c.Remove(t.Context(), id)
		}
		if !tt.is(err) || IsNotFound(err) || IsUnavailable(err) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestRefusalsOfStart(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	ctx := t.Context()

	id, _ := create(t, c, &container.Config{Image: ref, Cmd: []string{"/no/such/program"}}, nil)
	if err := c.Start(ctx, id); !IsInvalid(err) {
		t.Errorf("no such program: %v", err)
	}

	id, _ = create(t, c, shell(ref, "true"), &container.HostConfig{NetworkMode: container.NetworkMode(uniqueName())})
	if err := c.Start(ctx, id); !IsInvalid(err) {
		t.Errorf("no such network: %v", err)
	}

	// Two containers want one host port that was free a moment ago.
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	bound := func() *container.HostConfig {
		return &container.HostConfig{PortBindings: nat.PortMap{
			"80/tcp": {{HostIP: "127.0.0.1", HostPort: strconv.Itoa(port)}},
		}}
	}
	cfg := shell(ref, "sleep 1000")
	cfg.ExposedPorts = nat.PortSet{"80/tcp": {}} // without it the Engine ignores the binding
	first, _ := create(t, c, cfg, bound())
	start(t, c, first)
	id, _ = create(t, c, cfg, bound())
	err = c.Start(ctx, id)
	if !errdefs.IsInternal(err) || !strings.Contains(err.Error(), strconv.Itoa(port)) {
		t.Errorf("port is taken: %v", err)
	}
}

func TestInfo(t *testing.T) {
	c := newClient(t, realSocket(t))
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := c.Info(t.Context())
	if err != nil || info.ServerVersion == "" || info.MemoryBytes < 1<<20 || info.CgroupVersion < 1 || info.CgroupVersion > 2 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestEventsOfALife(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	ctx := t.Context()
	instance := uniqueName()
	before := time.Now()
	stream, err := c.Events(ctx, time.Time{}, InstanceLabel(instance))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()

	create(t, c, shell(ref, "true"), nil) // another client's
	name := uniqueName()
	cfg := shell(ref, "exit 3")
	cfg.Labels = Labels{Instance: instance, Name: name}.Map()
	id, _, err := c.Create(ctx, name, cfg, &container.HostConfig{NetworkMode: "none"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	start(t, c, id)
	expect := func(s *EventStream, actions ...string) {
		t.Helper()
		for _, action := range actions {
			select {
			case e := <-s.Events():
				if e.Action != action || e.ID != id || e.Name != name || e.Time.Before(before) {
					t.Fatalf("got %+v, want %s", e, action)
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("no %s within 30s", action)
			}
		}
	}
	expect(stream, "create", "start", "die")
	if err := c.Remove(ctx, id); err != nil {
		t.Fatal(err)
	}
	expect(stream, "destroy")

	past, err := c.Events(ctx, before, InstanceLabel(instance))
	if err != nil {
		t.Fatal(err)
	}
	defer past.Close()
	expect(past, "create", "start", "die", "destroy")
}
