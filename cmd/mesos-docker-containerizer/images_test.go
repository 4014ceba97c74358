package main

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/google/go-cmp/cmp"

	"mesos-docker-containerizer/containerizer/dockercli/protocol"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/internal/agentflag"
	"mesos-docker-containerizer/test/environment"
)

func TestPrintImages(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	var out strings.Builder
	err := printImages(&out, image.Report{
		Delay: 24 * time.Hour, Threshold: 0.8, DiskUse: 0.914,
		Images: []image.ScannedImage{
			{Names: []string{"app:1", "app:2"}, Size: 12_400_000, LastUse: now.Add(-72 * time.Hour), Verdict: image.Due},
			{Names: []string{"young:1"}, Size: 1000, LastUse: now.Add(-time.Hour), Verdict: image.TooYoung},
			{Names: []string{"used:1"}, Size: 1000, LastUse: now, Verdict: image.InUse, HeldBy: []string{"a", "b", "c", "d", "e"}},
			{ID: "sha256:0123", Names: []string{}, Size: 7, Verdict: image.Failed, Error: "input/output error"},
		},
	}, now)
	want := "" +
		"IMAGE         SIZE     LAST USE            CLEAN-UP\n" +
		"app:1 app:2   12.4MB   3 days ago          would be removed\n" +
		"young:1       1kB      About an hour ago   stays: used of late, due 2030-01-03 02:04:05\n" +
		"used:1        1kB      now                 stays: used by a, b, c and 2 more\n" +
		"sha256:0123   7B       -                   not removed: input/output error\n" +
		"\nImages go that were not used for 1days, the oldest first, while more than 80% of the disk is in use; it is 91% now.\n"
	if diff := cmp.Diff(want, out.String()); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, v := range verdicts(t) {
		if verdictWords[v] == "" {
			t.Errorf("there are no words for %s", v)
		}
	}
}

// verdicts returns the constants that package image declares.
func verdicts(t *testing.T) (all []image.Verdict) {
	const source = "../../containerizer/image/scan.go"
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "Verdict" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, image.Verdict(value))
		}
		return true
	})
	if !slices.Contains(all, image.Due) || !slices.Contains(all, image.NotOurs) {
		t.Fatalf("%s has the verdicts %q: this test reads wrong", source, all)
	}
	return all
}

func TestMistakesWithImages(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"images", "--dry-run"}, exitUsage, "images gc"},
		{[]string{"images", "prune"}, exitUsage, "prune"},
		{[]string{"images", "--run_dir=/nonexistent"}, exitEnvironment, "start it: systemctl start"},
	} {
		p := start(t, tt.args...)
		p.wantStatus(tt.status)
		if !strings.Contains(p.err(), tt.says) {
			t.Errorf("%q: %s", tt.args, p.err())
		}
	}
}

// cleaning is a daemon that cleans images up, and what was done with it.
type cleaning struct {
	t      *testing.T
	engine *client.Client
	daemon *process
	flags  []string
	socket string
}

// pulled runs a task of a new image, which is present and not used by any container then.
func (c *cleaning) pulled() (ref string) {
	c.t.Helper()
	registry := startRegistry(c.t)
	registry.release()
	c.t.Cleanup(func() { c.removeImage(registry.reference) })
	p := start(c.t, "run", "--socket="+c.socket, file(c.t, pulled(unique(c.t), registry.reference)))
	p.wantStatus(exitFailed) // its program is none
	return registry.reference
}

// removeImage removes an image with all its names, if it is there.
func (c *cleaning) removeImage(ref string) {
	inspected, err := c.engine.ImageInspect(context.Background(), ref)
	if err == nil {
		_, err = c.engine.ImageRemove(context.Background(), inspected.ID, dockerimage.RemoveOptions{Force: true})
	}
	if err != nil && !errdefs.IsNotFound(err) {
		c.t.Error(err)
	}
}

func (c *cleaning) present(ref string) bool {
	c.t.Helper()
	_, err := c.engine.ImageInspect(context.Background(), ref)
	if err != nil && !errdefs.IsNotFound(err) {
		c.t.Fatal(err)
	}
	return err == nil
}

// verdicts asks the daemon by the command line and returns what it says of the images with the names.
func (c *cleaning) verdicts(args ...string) map[string]image.ScannedImage {
	c.t.Helper()
	p := start(c.t, append(args, "--json", c.flags[1])...)
	p.wantStatus(exitOK)
	var r image.Report
	if err := json.Unmarshal([]byte(p.out()), &r); err != nil {
		c.t.Fatalf("%v: %q", err, p.out())
	}
	all := map[string]image.ScannedImage{}
	for _, judged := range r.Images {
		for _, name := range judged.Names {
			all[name] = judged
		}
	}
	return all
}

// TestImagesAreCleanedUp is a daemon that removes, by itself and on demand, what it has pulled and nothing else.
func TestImagesAreCleanedUp(t *testing.T) {
	environment.Exclusive(t, environment.ImageCleanUp)
	flags, socket := serveFlags(t)
	const delay = 6 * time.Second // in which the images are listed, and the first is given a container
	c := &cleaning{t: t, engine: environment.Engine(t), flags: flags, socket: socket}
	persons := c.taggedByAPerson()
	c.daemon = start(t, append(slices.Clone(flags), "--image_gc_delay="+agentflag.FormatDuration(delay), "--metrics_address=127.0.0.1:0")...)
	c.daemon.await("the daemon serves")

	used := c.pulled()
	holder := c.containerOf(used)
	idle := c.pulled()
	listed := c.verdicts("images")
	if listed[idle].Verdict == "" || listed[idle].LastUse.IsZero() || listed[persons].Verdict != "" {
		t.Errorf("images that were pulled: %+v", listed)
	}
	c.daemon.await(`"msg":"image removed"`)
	if c.present(idle) || !c.present(used) || !c.present(persons) {
		t.Errorf("present: idle %v, used %v, a person's %v", c.present(idle), c.present(used), c.present(persons))
	}
	judged := c.verdicts("images", "gc", "--dry-run")
	if j := judged[used]; j.Verdict != image.InUse || !slices.Equal(j.HeldBy, []string{holder}) {
		t.Errorf("the image in use: %+v", j)
	}
	if j := judged[persons]; j.Verdict != image.NotOurs {
		t.Errorf("a person's image: %+v", j)
	}

	c.removeContainer(holder)
	ticker := time.NewTicker(delay / 10)
	defer ticker.Stop()
	for c.verdicts("images", "gc")[used].Verdict == image.TooYoung {
		<-ticker.C
	}
	if c.present(used) || !c.present(persons) {
		t.Errorf("present: used before %v, a person's %v", c.present(used), c.present(persons))
	}
	c.checkMetrics(`mesos_docker_containerizer_images_removed_total 2`, `mesos_docker_containerizer_pulls_total{fault="none",outcome="ok"} 2`)
	c.daemon.interrupt()
	c.daemon.wantStatus(exitOK)
}

func (c *cleaning) taggedByAPerson() (ref string) {
	c.t.Helper()
	ref = "persons.example/" + unique(c.t) + ":1"
	if err := c.engine.ImageTag(context.Background(), environment.Busybox(c.t), ref); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if _, err := c.engine.ImageRemove(context.Background(), ref, dockerimage.RemoveOptions{}); err != nil {
			c.t.Error(err)
		}
	})
	return ref
}

// containerOf creates a container that is not the daemon's.
func (c *cleaning) containerOf(ref string) (name string) {
	c.t.Helper()
	name = unique(c.t)
	_, err := c.engine.ContainerCreate(context.Background(), &container.Config{Image: ref}, nil, nil, nil, name)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.removeContainer(name) })
	return name
}

func (c *cleaning) removeContainer(name string) {
	c.t.Helper()
	err := c.engine.ContainerRemove(context.Background(), name, container.RemoveOptions{Force: true})
	if err != nil && !errdefs.IsNotFound(err) {
		c.t.Error(err)
	}
}

// checkMetrics looks at both places where metrics are shown.
func (c *cleaning) checkMetrics(lines ...string) {
	c.t.Helper()
	found := regexp.MustCompile(`"msg":"metrics are shown","address":"([^"]+)"`).FindStringSubmatch(c.daemon.err())
	if found == nil {
		c.t.Fatal("the log does not say where metrics are")
	}
	overTCP := func(path string) (int, string) {
		answer, err := http.Get(fmt.Sprintf("http://%s%s", found[1], path))
		if err != nil {
			c.t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			c.t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	_, tcp := overTCP("/metrics")
	admin := atAdminSocket(c.t, filepath.Join(strings.TrimPrefix(c.flags[1], "--run_dir="), protocol.AdminSocket), "/metrics")
	for _, line := range append(lines, fmt.Sprintf("mesos_docker_containerizer_build_info{goversion=%q,version=%q} 1", runtime.Version(), version)) {
		if !strings.Contains(tcp, line+"\n") || !strings.Contains(admin, line+"\n") {
			c.t.Errorf("metrics lack %s:\n%s", line, tcp)
		}
	}
	for _, path := range []string{"/tasks", "/images"} {
		if status, text := overTCP(path); status != http.StatusNotFound {
			c.t.Errorf("%s is shown over TCP: %s", path, text)
		}
	}
}

func atAdminSocket(t *testing.T, socket, path string) string {
	t.Helper()
	asking := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	answer, err := asking.Get("http://daemon" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
