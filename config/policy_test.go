package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPolicy(t *testing.T) {
	root := tree(t, map[string]string{
		ownDirectory + "/?no-allow_privileged":   "",
		ownDirectory + "/allowed_host_paths":     "# what all teams share\n/srv/shared:ro, /srv/scratch\n\n/etc/ssl/certs:ro\n",
		ownDirectory + "/allowed_devices":        "/dev/fuse,c 10:200 rwm",
		ownDirectory + "/allowed_volume_drivers": `["a,b", " local "]`,
		"/etc/mesos-slave/allowed_networks":      "host",
	})
	c := mustLoad(t, Options{Root: root, Environ: []string{ownPrefix + "ALLOWED_IMAGES=none"}, Args: []string{"--allowed_runtimes=runsc"}})
	everything := []string{"*"}
	want := Policy{
		AllowedHostPaths: []string{"/srv/shared:ro", "/srv/scratch", "/etc/ssl/certs:ro"}, AllowedParameters: everything, AllowedNetworks: everything,
		AllowedImages: []string{"none"}, AllowedCapabilities: everything, AllowedDevices: []string{"/dev/fuse", "c 10:200 rwm"},
		AllowedNamespaces: everything, AllowedVolumeDrivers: []string{"a,b", "local"}, AllowedRuntimes: []string{"runsc"},
	}
	if diff := cmp.Diff(want, c.Policy); diff != "" {
		t.Error(diff)
	}
	if got := c.Origin("allowed_networks"); got.Layer != BuiltIn {
		t.Errorf("a file among the agent's sets a policy: %v", got)
	}
}

// TestPolicyIsNeverOpenedByMistake: nothing that looks like a slip is taken for "anything".
func TestPolicyIsNeverOpenedByMistake(t *testing.T) {
	for _, text := range []string{"", "\n", "# /srv\n", ",", "/srv,", "/srv,,/etc", "[]", "[1]", `[""]`, `["a"`, "null\x01"} {
		for _, f := range policyFlags[1:] {
			root := tree(t, map[string]string{ownDirectory + "/" + f.name: text})
			if c, _, err := Load(Options{Root: root}); err == nil {
				t.Errorf("%s with %q is taken for %q", f.name, text, f.bind(c).text())
			} else if !strings.Contains(err.Error(), f.name) || !strings.Contains(err.Error(), "none for nothing") {
				t.Errorf("the mistake in %s does not help: %v", f.name, err)
			}
		}
	}
}

// FuzzAllowed wants a list to be what is printed of it.
func FuzzAllowed(f *testing.F) {
	for _, seed := range []string{"*", "none", "/a:ro, /b\n# c\n/d", `["a,b","#c"]`, "[", "a#b", "", ",", "c 1:2 r"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var first, second []string
		v := allowedValue(&first, "x")
		if v.parse(text) != nil {
			if first != nil {
				t.Fatalf("refused, and yet %q", first)
			}
			return
		}
		if len(first) == 0 {
			t.Fatal("an empty list")
		}
		if err := allowedValue(&second, "x").parse(v.text()); err != nil {
			t.Fatalf("%q is printed %q: %v", first, v.text(), err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatal(diff)
		}
	})
}
