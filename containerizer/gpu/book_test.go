package gpu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/containerizer/engine"
)

// double is an Engine that only knows what its containers were created with.
type double struct {
	info       engine.Info
	containers []*created
	clock      time.Time
	err        error // of every call
}

type created struct {
	id, name string
	state    container.ContainerState
	config   container.Config
	host     container.HostConfig
	at       time.Time
}

func (d *double) Info(context.Context) (engine.Info, error) { return d.info, d.err }

func (d *double) ListAll(context.Context, bool) (list []container.Summary, err error) {
	for _, c := range d.containers {
		list = append(list, container.Summary{ID: c.id, Names: []string{"/" + c.name}, State: c.state, Labels: c.config.Labels})
	}
	return list, d.err
}

func (d *double) Inspect(_ context.Context, id string) (engine.Container, error) {
	for _, c := range d.containers {
		if c.id == id {
			return engine.Container{InspectResponse: container.InspectResponse{
				ContainerJSONBase: &container.ContainerJSONBase{ID: c.id, Name: "/" + c.name, HostConfig: &c.host, Created: c.at.Format(time.RFC3339Nano),
					State: &container.State{Running: c.state == container.StateRunning}},
				Config: &c.config,
			}}, d.err
		}
	}
	return engine.Container{}, errdefs.ErrNotFound
}

// create adds a container; one of a daemon's has a label.
func (d *double) create(name string, config container.Config, host container.HostConfig, grant *Grant) *created {
	d.clock = d.clock.Add(time.Millisecond)
	if grant != nil {
		grant.Apply(&config, &host)
		config.Labels = engine.Labels{Instance: "i", Name: name, Task: "t-" + name, Framework: "f", Devices: MarshalLabel(grant.Devices)}.Map()
	}
	c := &created{id: fmt.Sprintf("id-%s-%d", name, len(d.containers)), name: name, state: container.StateCreated, config: config, host: host, at: d.clock}
	d.containers = append(d.containers, c)
	return c
}

func (d *double) remove(c *created) {
	d.containers = slices.DeleteFunc(d.containers, func(other *created) bool { return other == c })
}

// fourGPUs is a host with four devices, each of which has two names, and a name for all.
func fourGPUs(t *testing.T) *double {
	directory := t.TempDir()
	var devices, all []string
	for i := range 4 {
		node := fmt.Sprintf(`{"path":"/dev/test%d"}`, i)
		all = append(all, node)
		for _, name := range []string{fmt.Sprint(i), fmt.Sprintf("GPU-%c", 'a'+i)} {
			devices = append(devices, fmt.Sprintf(`{"name":%q,"containerEdits":{"deviceNodes":[%s]}}`, name, node))
		}
	}
	devices = append(devices, fmt.Sprintf(`{"name":"all","containerEdits":{"deviceNodes":[%s]}}`, strings.Join(all, ",")))
	write(t, directory+"/test.json", `{"cdiVersion":"0.6.0","kind":"test.example/gpu","devices":[`+strings.Join(devices, ",")+`]}`)
	return &double{info: engine.Info{CDISpecDirs: []string{directory}}, clock: time.Unix(0, 0)}
}

func (d *double) book() *Book { return NewBook(d, "/nosuch", zap.NewNop()) }

func take(t *testing.T, b *Book, name string, host container.HostConfig) (*Grant, func(), error) {
	t.Helper()
	return b.Take(t.Context(), Request{Name: name, Who: "task t-" + name + " of framework f", Config: &container.Config{}, HostConfig: &host})
}

func mustTake(t *testing.T, b *Book, name string, host container.HostConfig) (*Grant, func()) {
	t.Helper()
	grant, release, err := take(t, b, name, host)
	if err != nil {
		t.Fatal(err)
	}
	return grant, release
}

// A device is held in memory from the decision on, and by the label from the create to the exit, whichever book looks.
func TestFromTheDecisionToTheExit(t *testing.T) {
	d := fourGPUs(t)
	b := d.book()
	three, release := mustTake(t, b, "a", requests(number(3)))
	one, releaseOne := mustTake(t, b, "b", requests(number(1)))
	if Names(three.Devices) != "test.example/gpu=GPU-a, test.example/gpu=GPU-b, test.example/gpu=GPU-c" || Names(one.Devices) != "test.example/gpu=GPU-d" {
		t.Errorf("%s; %s", Names(three.Devices), Names(one.Devices))
	}
	full := func(b *Book, holder string) {
		t.Helper()
		_, _, err := take(t, b, "c", requests(number(1)))
		if err == nil || !errors.As(err, new(*Taken)) || !strings.Contains(err.Error(), "gpu=GPU-a is held by "+holder) {
			t.Errorf("%v, want that %s holds it", err, holder)
		}
	}
	full(b, "task t-a of framework f (container a)")
	c := d.create("a", container.Config{}, requests(number(3)), three)
	release()
	releaseOne() // its container was not created
	if _, release, err := take(t, b, "c", requests(number(1))); err != nil {
		t.Error(err)
	} else {
		release()
	}
	for _, state := range []container.ContainerState{container.StateCreated, container.StateRunning, container.StatePaused, container.StateRestarting} {
		c.state = state
		other := d.book() // as after a restart
		if _, _, err := take(t, other, "c", requests(number(2))); err == nil || !strings.Contains(err.Error(), "task t-a of framework f (container a)") {
			t.Errorf("%s: %v", state, err)
		}
	}
	c.state = container.StateExited
	_, release = mustTake(t, b, "c", requests(number(4)))
	release()
	d.err = errors.New("no Engine")
	if _, _, err := take(t, b, "c", requests(number(1))); !errors.Is(err, d.err) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.busy <- struct{}{}
	if _, _, err := b.Take(ctx, Request{Name: "c", HostConfig: new(requests(number(1)))}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What others have created counts, in whatever way they have asked, and a name that is not the container's own does not.
func TestForeignContainers(t *testing.T) {
	labels := engine.Labels{Instance: "i", Name: "another", Devices: MarshalLabel([]Device{{Name: "test.example/gpu=3", Nodes: []string{"/dev/test3"}}})}.Map()
	for name, tt := range map[string]struct {
		config container.Config
		host   container.HostConfig
		free   int
	}{
		"by number, the first":       {host: requests(number(2)), free: 2},
		"all":                        {host: requests(number(-1)), free: 0},
		"by name":                    {host: requests(ids("cdi", "test.example/gpu=GPU-b", "test.example/gpu=1")), free: 3},
		"all by name":                {host: requests(ids("cdi", "test.example/gpu=all")), free: 0},
		"by path":                    {host: paths("/dev/test2"), free: 3},
		"unheard of":                 {host: requests(ids("cdi", "test.example/gpu=9")), free: 4},
		"nothing":                    {free: 4},
		"committed from one of ours": {config: container.Config{Labels: labels}, free: 4},
		"a label that is damaged": {config: container.Config{Labels: map[string]string{engine.LabelPrefix + "name": "x", engine.DevicesLabel: "{"}},
			host: requests(ids("cdi", "test.example/gpu=0")), free: 3},
	} {
		t.Run(name, func(t *testing.T) {
			d := fourGPUs(t)
			d.create("x", tt.config, tt.host, nil)
			b := d.book()
			if tt.free > 0 {
				_, release := mustTake(t, b, "y", requests(number(tt.free)))
				release()
			}
			if tt.free == 4 {
				return
			}
			_, _, err := take(t, b, "y", requests(number(tt.free+1)))
			if err == nil || !strings.Contains(err.Error(), "container x") {
				t.Errorf("%v", err)
			}
		})
	}
}

// Of two containers with one device, which come to be where neither daemon could see the other's, one may start.
func TestConfirm(t *testing.T) {
	d := fourGPUs(t)
	grant := func() *Grant {
		g, release := mustTake(t, d.book(), "x", requests(number(1)))
		release()
		return g
	}
	a, b := grant(), grant() // two books, before either has created anything
	first := d.create("first", container.Config{}, container.HostConfig{}, a)
	second := d.create("second", container.Config{}, container.HostConfig{}, b)
	confirm := func(c *created) error {
		_, err := d.book().Confirm(t.Context(), c.id)
		return err
	}
	if err := confirm(first); err != nil {
		t.Error(err)
	}
	if err := confirm(second); err == nil || !strings.Contains(err.Error(), "held by task t-first") {
		t.Error(err)
	}
	first.at = second.at // the id decides
	if err, other := confirm(first), confirm(second); (err == nil) == (other == nil) {
		t.Errorf("%v; %v", err, other)
	}
	second.state = container.StateRunning
	if err := confirm(first); err == nil || !strings.Contains(err.Error(), "held by task t-second") {
		t.Error(err)
	}
	second.state = container.StateExited
	if err := confirm(first); err != nil {
		t.Error(err)
	}
	if _, err := d.book().Confirm(t.Context(), "gone"); err == nil {
		t.Error("a container that is not there was confirmed")
	}
	third := d.create("third", container.Config{}, requests(ids("cdi", "test.example/gpu=GPU-a")), nil)
	if err := confirm(third); err == nil || !strings.Contains(err.Error(), "held by task t-first") {
		t.Error(err)
	}
}

// Whatever tasks, people and restarts do in whatever order, no two containers of the daemon's run with one device, and none is lost.
func TestNeverTwiceNeverLost(t *testing.T) {
	host := fourGPUs(t)
	there := Discover(host.info, "/nosuch") // once: it takes longer than all the rest
	book := func(d *double) *Book {
		b := d.book()
		b.inventory = func(engine.Info) *Inventory { return there }
		return b
	}
	rapid.Check(t, func(rt *rapid.T) {
		d := &double{clock: time.Unix(0, 0)}
		b := book(d)
		type task struct {
			name    string
			grant   *Grant
			release func()
			c       *created
		}
		var tasks []*task
		serial := 0
		pick := func(rt *rapid.T, which func(*task) bool) *task {
			var some []*task
			for _, k := range tasks {
				if which(k) {
					some = append(some, k)
				}
			}
			if len(some) == 0 {
				rt.Skip("there is none")
			}
			return rapid.SampledFrom(some).Draw(rt, "task")
		}
		rt.Repeat(map[string]func(*rapid.T){
			"decide": func(rt *rapid.T) {
				serial++
				host := rapid.SampledFrom([]container.HostConfig{requests(number(1)), requests(number(2)), requests(ids("cdi", "test.example/gpu=1")),
					requests(ids("", "GPU-c")), paths("/dev/test3"), requests(ids("cdi", "test.example/gpu=all"))}).Draw(rt, "wish")
				name := fmt.Sprintf("c%d", serial)
				grant, release, err := b.Take(rt.Context(), Request{Name: name, Who: name, Config: &container.Config{}, HostConfig: &host})
				if err != nil {
					if !errors.As(err, new(*Taken)) {
						rt.Fatal(err)
					}
					return
				}
				tasks = append(tasks, &task{name: name, grant: grant, release: release})
			},
			"create": func(rt *rapid.T) { // after a restart too: that is a create which takes effect late
				k := pick(rt, func(k *task) bool { return k.c == nil })
				k.c = d.create(k.name, container.Config{}, container.HostConfig{}, k.grant)
				k.release()
			},
			"give up": func(rt *rapid.T) {
				k := pick(rt, func(k *task) bool { return k.c == nil })
				k.release()
				tasks = slices.DeleteFunc(tasks, func(other *task) bool { return other == k })
			},
			"start": func(rt *rapid.T) {
				k := pick(rt, func(k *task) bool { return k.c != nil && k.c.state == container.StateCreated })
				if _, err := b.Confirm(rt.Context(), k.c.id); err != nil {
					d.remove(k.c)
					tasks = slices.DeleteFunc(tasks, func(other *task) bool { return other == k })
					return
				}
				k.c.state = container.StateRunning
			},
			"exit": func(rt *rapid.T) {
				pick(rt, func(k *task) bool { return k.c != nil && k.c.state == container.StateRunning }).c.state = container.StateExited
			},
			"remove": func(rt *rapid.T) {
				k := pick(rt, func(k *task) bool { return k.c != nil && k.c.state == container.StateExited })
				d.remove(k.c)
				tasks = slices.DeleteFunc(tasks, func(other *task) bool { return other == k })
			},
			"restart": func(*rapid.T) { b = book(d) },
			"": func(rt *rapid.T) {
				who := map[string]string{}
				for _, k := range tasks {
					if k.c == nil || k.c.state != container.StateRunning {
						continue
					}
					for key := range k.grant.keys {
						if who[key] != "" {
							rt.Fatalf("%s is with %s and %s", key, who[key], k.name)
						}
						who[key] = k.name
					}
				}
			},
		})
		for _, k := range tasks {
			if k.c == nil {
				k.release()
			} else {
				k.c.state = container.StateExited
			}
		}
		grant, _, err := b.Take(rt.Context(), Request{Name: "last", Config: &container.Config{}, HostConfig: new(requests(number(-1)))})
		if err != nil || len(grant.Devices) != 4 {
			rt.Fatalf("at the end %+v, %v", grant, err)
		}
	})
}

// Tasks that decide at once get devices of their own.
func TestAtOnce(t *testing.T) {
	d := fourGPUs(t)
	b := d.book()
	grants := make(chan *Grant)
	for i := range 8 {
		go func() {
			grant, _, _ := b.Take(context.Background(), Request{Name: fmt.Sprint(i), Config: &container.Config{}, HostConfig: new(requests(number(1)))})
			grants <- grant
		}()
	}
	seen := map[string]bool{}
	for range 8 {
		if g := <-grants; g != nil {
			if name := Names(g.Devices); seen[name] {
				t.Errorf("%s was given twice", name)
			}
			seen[Names(g.Devices)] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("given: %v", seen)
	}
}
