package policy

import (
	"strings"
	"testing"

	"mesos-docker-containerizer/containerizer/runspec"

	"github.com/hashicorp/go-multierror"
)

// TestMistakes wants all mistakes at once, each with its file, its item and what is wrong.
func TestMistakes(t *testing.T) {
	_, err := New(rules(t, "allowed_host_paths=etc,/srv,/a/../b,*", "allowed_parameters=--volume,Label,label=x", "allowed_networks=a b,container:x",
		"allowed_images=cafe,sha256:12,App:1,/*,registry.example/Team/*,a:b/*", "allowed_capabilities=SYS-ADMIN,none", "allowed_devices=fuse,cdi:x,cdi:a/=1,c 1:1:1",
		"allowed_namespaces=pid,net:host", "allowed_volume_drivers=a b", "allowed_runtimes=a b,annotation:", "allow_privileged=true"))
	all, ok := err.(*multierror.Error)
	if !ok {
		t.Fatalf("%T", err)
	}
	var want []string
	for rule, items := range map[string]string{
		"allowed_host_paths": "etc,/a/../b,*", "allowed_parameters": "--volume,Label,label=x", "allowed_networks": "a b,container:x",
		"allowed_images": "cafe,sha256:12,App:1,/*,registry.example/Team/*,a:b/*", "allowed_capabilities": "SYS-ADMIN,none",
		"allowed_devices": "fuse,cdi:x,cdi:a/=1,c 1:1:1", "allowed_namespaces": "pid,net:host", "allowed_volume_drivers": "a b",
		"allowed_runtimes": "a b,annotation:",
	} {
		for item := range strings.SplitSeq(items, ",") {
			want = append(want, anySource+"/"+rule+": "+rule+": "+runspec.Quote(item)+" is refused: ")
		}
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("no word of %s", w)
		}
	}
	if len(all.Errors) != len(want) {
		t.Errorf("%d mistakes, want %d:\n%v", len(all.Errors), len(want), err)
	}
	if _, err := New(Options{Allowed: map[string]Rule{"allowed_images": {Source: "x"}}}); err == nil {
		t.Error("an empty list is accepted")
	}
	if _, err := New(Options{Allowed: map[string]Rule{"allowed_images": {Items: []string{"?"}}}}); err != nil {
		t.Errorf("what nobody has set is checked: %v", err)
	}
	if _, err := New(Options{Allowed: map[string]Rule{"allowed_image": {}}}); err == nil {
		t.Error("a policy file is accepted that has no meaning")
	}
}

// TestSetRulesCloseForOthers: what the operator has set holds for every executor, and one rule opens no other.
func TestSetRulesCloseForOthers(t *testing.T) {
	s := subject(nil)
	s.User = &User{1000, 1000}
	s.User.Confine(s.Config, s.HostConfig)
	s.HostConfig.CapAdd = []string{"NET_ADMIN"}
	if r := wantRefused(t, mustNew(t, rules(t, "allowed_networks=*")), s, nil); r.Rule != "allowed_capabilities" || r.Source != "" {
		t.Error(r)
	}
	if err := mustNew(t, rules(t, "allowed_capabilities=NET_ADMIN")).Check(t.Context(), s, nil); err != nil {
		t.Error(err)
	}
	// The bridge is open to all only as long as nobody has said which networks are.
	if r := wantRefused(t, mustNew(t, rules(t, "allowed_capabilities=NET_ADMIN", "allowed_networks=apps")), s, nil); r.Rule != "allowed_networks" {
		t.Error(r)
	}
}

// FuzzItems feeds every rule an item, and wants what is accepted to be checked without surprise.
func FuzzItems(f *testing.F) {
	for _, seed := range []string{"*", "none", "/srv:ro", "/dev/fuse:rwm", "c 1:* rwm", "cdi:a/b=c", "registry.example/*", "docker.io/*", "a@sha256:", "CAP_ALL", "ſ", "pid:host", "local:nfs", "x/y", "annotation:k", ""} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, item, asked string) {
		for _, pool := range pools {
			o := Options{Allowed: map[string]Rule{pool.name: {Source: "file", Items: []string{item}}}}
			p, err := New(o)
			if err != nil {
				if !strings.Contains(err.Error(), "file") {
					t.Fatalf("the mistake has no place: %v", err)
				}
				continue
			}
			s := everywhere(asked)
			if err := p.Check(t.Context(), s, fakeEngine{}); item == anything && err != nil {
				t.Fatalf("anything is allowed, but %v", err)
			}
			o.Allowed[pool.name] = Rule{Source: "file", Items: []string{nothing}}
			closed := mustNew(t, o)
			open := p.Check(t.Context(), s, fakeEngine{})
			if err := closed.Check(t.Context(), s, fakeEngine{}); err == nil && open != nil {
				t.Fatalf("%q refuses what none accepts: %v", item, open)
			}
		}
	})
}

func TestReplace(t *testing.T) {
	p := mustNew(t, Options{})
	s := Subject{Image: "registry.example/app:1"}
	if err := p.Check(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	p.Replace(mustNew(t, Options{Allowed: map[string]Rule{"allowed_images": {Source: "a file", Items: []string{"busybox"}}}}))
	if refusal := wantRefused(t, p, s, nil); refusal.Rule != "allowed_images" || refusal.Source != "a file" {
		t.Errorf("%+v", refusal)
	}
	p.Replace(mustNew(t, Options{}))
	if err := p.Check(t.Context(), s, nil); err != nil {
		t.Error(err)
	}
}
