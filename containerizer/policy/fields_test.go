package policy

import (
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
)

// TestEveryFieldIsDecided fails when docker's types gain or lose a field. Read what a new one does, look for ways in which a
// task could reach the host by it, check it, and only then put it into the table.
func TestEveryFieldIsDecided(t *testing.T) {
	for of, table := range fields {
		there := map[string]bool{}
		for i := range of.NumField() {
			name := of.Field(i).Name
			there[name] = true
			switch f, decided := table[name]; {
			case !decided:
				t.Errorf("%s.%s is neither checked nor harmless", of, name)
			case (f.checked == "") == (f.harmless == ""):
				t.Errorf("%s.%s must be either checked or harmless", of, name)
			}
			for _, rule := range ruleName.FindAllString(table[name].checked, -1) {
				if rule != rulePrivileged && !slices.Contains(names(), rule) {
					t.Errorf("%s.%s is checked by %s, which is no rule", of, name, rule)
				}
			}
		}
		for name := range table {
			if !there[name] {
				t.Errorf("%s.%s does not exist any more", of, name)
			}
		}
	}
}

var ruleName = regexp.MustCompile(`allow(ed)?_\w+`)

// leaves are struct types that are values: their fields mean nothing by themselves.
var leaves = map[string]string{
	"nat.PortBinding":         "checked with HostConfig.PortBindings",
	"container.RestartPolicy": "the run spec refuses all but no",
	"blkiodev.WeightDevice":   "an amount",
	"blkiodev.ThrottleDevice": "an amount",
	"units.Ulimit":            "checked with Resources.Ulimits",
	"v1.HealthcheckConfig":    "a command inside the container",
}

// TestEveryTypeIsDecided walks all types that can be reached: each is in the table or a leaf with a reason.
func TestEveryTypeIsDecided(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(of reflect.Type)
	walk = func(of reflect.Type) {
		if seen[of] {
			return
		}
		seen[of] = true
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array:
			walk(of.Elem())
		case reflect.Struct:
			if _, known := fields[of]; !known && of.NumField() > 0 {
				if leaves[of.String()] == "" {
					t.Errorf("%s is neither in the table nor a leaf", of)
				}
				return
			}
			for i := range of.NumField() {
				walk(of.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[container.Config]())
	walk(reflect.TypeFor[container.HostConfig]())
	walk(reflect.TypeFor[network.NetworkingConfig]())
	for of := range fields {
		if !seen[of] {
			t.Errorf("%s is in the table and cannot be reached", of)
		}
	}
}

// TestUnknownFieldIsRefused takes fields out of the table, as if docker had just put them in.
func TestUnknownFieldIsRefused(t *testing.T) {
	subject := Subject{
		Config:     &container.Config{Image: "app"},
		HostConfig: &container.HostConfig{MaskedPaths: []string{}, Mounts: []mount.Mount{{Type: mount.TypeTmpfs, Target: "/t"}}},
		Networking: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{"n": {Aliases: []string{"a"}}}},
	}
	subject.HostConfig.CPUShares = 2
	for _, without := range []struct {
		of   reflect.Type
		name string
	}{
		{reflect.TypeFor[container.Config](), "Image"},
		{reflect.TypeFor[container.HostConfig](), "MaskedPaths"}, // an empty list is set
		{reflect.TypeFor[container.Resources](), "CPUShares"},
		{reflect.TypeFor[mount.Mount](), "Target"},
		{reflect.TypeFor[network.EndpointSettings](), "Aliases"},
	} {
		known := fields[without.of][without.name]
		delete(fields[without.of], without.name)
		p := mustNew(t, Options{Allowed: map[string]Rule{"allowed_images": {Source: "/etc/allowed_images", Items: []string{"*"}}}})
		refusal := wantRefused(t, p, subject, nil)
		if want := without.of.Name() + "." + without.name; refusal.Field != want || refusal.Source != "/etc/allowed_images" {
			t.Errorf("without %s: %v", want, refusal)
		}
		open := mustNew(t, Options{})
		if err := open.Check(t.Context(), subject, nil); err != nil {
			t.Errorf("without any rule nothing is refused, but: %v", err)
		}
		subject.User = &User{1000, 1000}
		if refusal := wantRefused(t, open, subject, nil); refusal.Field != without.of.Name()+"."+without.name {
			t.Errorf("for another user: %v", refusal)
		}
		subject.User = nil
		fields[without.of][without.name] = known
	}
	if found := unknown(subject.Config, subject.HostConfig, subject.Networking); found != nil {
		t.Errorf("unknown: %v", found)
	}
}
