package cni

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestAttachAndDetach(t *testing.T) {
	s := newSite(t)
	s.plugin("second", `echo '{"cniVersion": "1.0.0", "ips": [{"address": "fd00::2/64"}, {"address": "10.9.9.9/24"}], "dns": {"nameservers": ["10.9.9.1"]}}'`)
	a, err := s.attach(t.Context(), s.request("good", "second"), "/proc/1/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	s.wantRuns("ADD good web eth0 /proc/1/ns/net", "ADD second web eth1 /proc/1/ns/net")
	if got := [][]string{a.Joins[0].Addresses, a.Joins[1].Addresses, a.Joins[1].DNS.Nameservers}; !cmp.Equal(got, [][]string{{"10.1.2.3"}, {"fd00::2", "10.9.9.9"}, {"10.9.9.1"}}) {
		t.Errorf("addresses and name servers %v", got)
	}

	later := NewBook(s.at, s.book.logger) // that of the next daemon
	known, err := later.Attached("web")
	if diff := cmp.Diff(a, known); err != nil || !known.Complete || diff != "" {
		t.Errorf("what the next daemon knows: %v (-want +got):\n%s", err, diff)
	}
	if all, err := later.All(); err != nil || len(all) != 1 {
		t.Errorf("%d attachments, %v", len(all), err)
	}
	for range 2 { // once, however often it is asked for
		if err := later.Detach(t.Context(), "web", "/proc/1/ns/net"); err != nil {
			t.Fatal(err)
		}
	}
	s.wantRuns("DEL second web eth1 /proc/1/ns/net", "DEL good web eth0 /proc/1/ns/net")
	if _, err := later.Attached("web"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("known after the last DEL: %v", err)
	}
}

// A daemon that dies leaves its file at whatever step it was. The next detaches all that may be attached.
func TestDeathAtEachStep(t *testing.T) {
	for name, runs := range map[string][]string{
		"before the first ADD": {},
		"in the first ADD":     {"good"},
		"in the second ADD":    {"good", "second"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.plugin("second", `echo '{"cniVersion": "1.0.0"}'`)
			planned, err := s.request("good", "second").Plan()
			if err != nil {
				t.Fatal(err)
			}
			a := &planned.attachment
			if err := s.book.write(a); err != nil {
				t.Fatal(err)
			}
			for i := range runs { // libcni's own file is missing where the daemon died before it
				if err := s.book.add(t.Context(), a, i, planned.lists[i], "/ns"); err != nil {
					t.Fatal(err)
				}
			}
			s.runs()
			os.RemoveAll(filepath.Join(s.at, "libcni"))
			next := NewBook(s.at, s.book.logger)
			all, err := next.All()
			if err != nil || len(all) != 1 || all[0].Complete || all[0].Executor.PID != 7 {
				t.Fatalf("attachments %+v, %v", all, err)
			}
			if err := next.Detach(t.Context(), "web", ""); err != nil {
				t.Fatal(err)
			}
			s.wantRuns("DEL second web eth1 gone", "DEL good web eth0 gone")
		})
	}
}

// What is under the name already is detached before anything is attached.
func TestAttachAgain(t *testing.T) {
	s := newSite(t)
	for range 2 {
		if _, err := s.attach(t.Context(), s.request("good"), "/ns"); err != nil {
			t.Fatal(err)
		}
	}
	s.wantRuns("ADD good web eth0 /ns", "DEL good web eth0 gone", "ADD good web eth0 /ns")
}

// A plugin that does not do its work fails the task, with its words, and leaves nothing attached.
func TestBadPlugins(t *testing.T) {
	onAdd := func(line string) string { return `[ "$CNI_COMMAND" = DEL ] || { ` + line + `; }` }
	for name, test := range map[string]struct {
		line string
		want []string
	}{
		"fails":             {onAdd(`echo '{"cniVersion": "1.0.0", "code": 11, "msg": "no addresses", "details": "pool is empty"}'; exit 1`), []string{"no addresses", "pool is empty"}},
		"fails on stderr":   {onAdd(`echo 'out of luck' >&2; exit 3`), []string{"out of luck", "exit status 3"}},
		"fails silently":    {onAdd(`exit 4`), []string{"exit status 4", "printed nothing"}},
		"prints junk":       {onAdd(`echo "all is well"`), []string{"no JSON", "all is well"}},
		"fails with junk":   {onAdd(`echo '{"half'; exit 1`), []string{`{"half`}},
		"prints no result":  {onAdd(`true`), []string{"bad"}},
		"prints null":       {onAdd(`echo null`), nil},
		"another version":   {onAdd(`echo '{"cniVersion": "9.0.0"}'`), []string{"9.0.0"}},
		"prints very much":  {onAdd(`head -c 3000000 /dev/zero | tr '\0' x`), []string{"no JSON", "xxx"}},
		"hangs":             {onAdd(`sleep 1000`), []string{"was killed", "within 1s"}},
		"hangs in a child":  {onAdd(`trap '' TERM; sleep 1000 & wait`), []string{"was killed"}},
		"is no program":     {"", []string{"nothing"}},
		"closes its output": {onAdd(`exec >&-; sleep 1000`), []string{"was killed"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.plugin("bad", test.line)
			r := s.request("good", "bad")
			if name == "is no program" {
				r = s.request("good", "nothing")
			}
			if strings.Contains(test.line, "sleep") {
				s.book.exec.limit = time.Second // a DEL on a busy host takes its time, too
				r.Networks = r.Networks[1:]     // no other plugin may be too slow
			}
			_, err := s.attach(t.Context(), r, "/ns")
			var failed *Error
			if test.want == nil {
				if err != nil {
					t.Errorf("an empty result: %v", err)
				}
				return
			}
			if !errors.As(err, &failed) {
				t.Fatalf("error %v", err)
			}
			text := err.Error()
			for _, want := range append(test.want, failed.Network, failed.File) {
				if !strings.Contains(text, want) {
					t.Errorf("error %q does not say %q", text, want)
				}
			}
			if len(text) > 2*maxText {
				t.Errorf("the error has %d bytes", len(text))
			}
			if all, err := s.book.All(); len(all) != 0 || err != nil {
				t.Errorf("left attached: %+v, %v", all, err)
			}
			if len(r.Networks) > 1 {
				if name == "is no program" { // which is noticed before any plugin runs
					s.wantRuns()
					return
				}
				s.wantRuns("ADD good web eth0 /ns", "ADD bad web eth1 /ns", "DEL bad web eth1 /ns", "DEL good web eth0 /ns")
			}
		})
	}
}

// A plugin that is still there though it has ended well, by a child, does not hold the task up.
func TestPluginLeavesAChild(t *testing.T) {
	s := newSite(t)
	s.plugin("bad", `echo '{"cniVersion": "1.0.0"}'; sleep 5 &`)
	began := time.Now()
	if _, err := s.attach(t.Context(), s.request("bad"), "/ns"); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

// The end of a preparation ends the plugin, with its reason, and what was attached is detached all the same.
func TestAttachIsGivenUp(t *testing.T) {
	s := newSite(t)
	began := filepath.Join(s.plugins, "began")
	if err := unix.Mkfifo(began, 0o600); err != nil {
		t.Fatal(err)
	}
	s.plugin("slow", `[ "$CNI_COMMAND" = DEL ] || { echo >"$CNI_TEST_DIRECTORY/began"; sleep 1000; }`)
	reason := errors.New("killed")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		_, _ = os.ReadFile(began) // ends when the plugin has written
		cancel(reason)
	}()
	if _, err := s.attach(ctx, s.request("good", "slow"), "/ns"); !errors.Is(err, reason) {
		t.Errorf("error %v", err)
	}
	s.wantRuns("ADD good web eth0 /ns", "ADD slow web eth1 /ns", "DEL slow web eth1 /ns", "DEL good web eth0 /ns")
}

// A DEL that fails is tried again later, and does not keep other networks from being left.
func TestDetachFails(t *testing.T) {
	s := newSite(t)
	s.plugin("stuck", `if [ "$CNI_COMMAND" = DEL ] && [ -e "$CNI_TEST_DIRECTORY/stuck.now" ]; then echo '{"code": 7, "msg": "busy"}'; exit 1; fi; echo '{"cniVersion": "1.0.0"}'`)
	stuck := filepath.Join(s.plugins, "stuck.now")
	if err := os.WriteFile(stuck, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.attach(t.Context(), s.request("good", "stuck"), "/ns"); err != nil {
		t.Fatal(err)
	}
	s.runs()
	err := s.book.Detach(t.Context(), "web", "/ns")
	if err == nil || !strings.Contains(err.Error(), "busy") || !strings.Contains(err.Error(), "net-stuck") {
		t.Errorf("error %v", err)
	}
	s.wantRuns("DEL stuck web eth1 /ns", "DEL good web eth0 /ns")
	os.Remove(stuck)
	if err := s.book.Detach(t.Context(), "web", ""); err != nil {
		t.Error(err)
	}
	s.wantRuns("DEL stuck web eth1 gone", "DEL good web eth0 gone")
}

// Ports go to the first network that takes any, and DEL hears of them as ADD did.
func TestPorts(t *testing.T) {
	s := newSite(t)
	s.plugin("mapper", `echo '{"cniVersion": "1.0.0"}'`)
	r := s.request("good", "good", "good")
	chained := []byte(`{"cniVersion": "1.0.0", "name": "mapped", "plugins": [{"type": "good"}, {"type": "mapper", "capabilities": {"portMappings": true}}]}`)
	r.Networks[1].Network = Network{"mapped", "/etc/cni/mapped", chained}
	r.Networks[2].Network = Network{"mapped2", "/etc/cni/mapped2", []byte(strings.Replace(string(chained), "mapped", "mapped2", 1))}
	r.Ports = []Port{{HostPort: 31000, ContainerPort: 80, Protocol: "tcp"}}
	a, err := s.attach(t.Context(), r, "/ns")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Joins[0].Ports) != 0 || len(a.Joins[1].Ports) != 1 || len(a.Joins[2].Ports) != 0 {
		t.Errorf("ports of the networks %+v", a.Joins)
	}
	if err := s.book.Detach(t.Context(), "web", ""); err != nil {
		t.Fatal(err)
	}
	// The last network is left first, so what the plugin was given last is for the second.
	var given struct {
		RuntimeConfig struct{ PortMappings []Port }
		PrevResult    json.RawMessage
	}
	if err := json.Unmarshal([]byte(s.given("DEL", "mapper")), &given); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Ports, given.RuntimeConfig.PortMappings); diff != "" || given.PrevResult == nil {
		t.Errorf("result %s, ports (-want +got):\n%s", given.PrevResult, diff)
	}

	r.Networks = r.Networks[:1]
	if _, err := s.attach(t.Context(), r, "/ns"); err == nil || !strings.Contains(err.Error(), "portmap") {
		t.Errorf("ports that no plugin takes: %v", err)
	}
}

// A record that is damaged is named, and left for a person.
func TestDamagedRecords(t *testing.T) {
	s := newSite(t)
	if _, err := s.attach(t.Context(), s.request("good"), "/ns"); err != nil {
		t.Fatal(err)
	}
	directory := s.book.directory()
	for file, content := range map[string]string{"half.json": `{"contai`, "other.json": `{"container": "web"}`, ".left": "x"} {
		if err := os.WriteFile(filepath.Join(directory, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.book.All()
	if len(all) != 1 || err == nil || !strings.Contains(err.Error(), "half") || !strings.Contains(err.Error(), "other") {
		t.Errorf("%d attachments, %v", len(all), err)
	}
	s.book.now = func() time.Time { return time.Now().Add(2 * writeLimit) }
	s.book.All()
	if _, err := os.Stat(filepath.Join(directory, ".left")); !os.IsNotExist(err) {
		t.Errorf("what a write has left: %v", err)
	}
	if status, err := os.Stat(filepath.Join(directory, "web.json")); err != nil || status.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", status.Mode(), err)
	}
	if err := s.book.Detach(t.Context(), "../web", ""); err == nil {
		t.Error("a name that leads to another file was taken")
	}
}

// The plugin of the reference plugins that gives addresses keeps them in files, so nothing else shows whether a DEL has come.
func TestAddressesOfHostLocal(t *testing.T) {
	const plugins = "/usr/lib/cni"
	if _, err := os.Stat(filepath.Join(plugins, "host-local")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	s := newSite(t)
	data := t.TempDir()
	r := s.request("good")
	r.Plugins = []string{"/nowhere", plugins}
	r.Networks[0].Network.content = []byte(`{"cniVersion": "0.3.1", "name": "pool", "type": "host-local",
		"ipam": {"type": "host-local", "dataDir": "` + data + `", "ranges": [[{"subnet": "10.7.0.0/30"}], [{"subnet": "fd07::/64"}]]}}`)
	for range 3 { // the pool has one address
		a, err := s.attach(t.Context(), r, "/proc/self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Joins[0].Addresses; len(got) != 2 || got[0] != "10.7.0.2" || !strings.HasPrefix(got[1], "fd07::") {
			t.Errorf("addresses %v", got)
		}
	}
	r.Container = "other"
	if _, err := s.attach(t.Context(), r, "/proc/self/ns/net"); err == nil || !strings.Contains(err.Error(), "no IP addresses available") {
		t.Errorf("a pool without addresses: %v", err)
	}
	if err := s.book.Detach(t.Context(), "web", ""); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(data, "*", "*.*.*.*")); len(left) != 0 {
		t.Errorf("addresses left: %v", left)
	}
}
