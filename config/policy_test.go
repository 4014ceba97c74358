package config

import (
	"strings"
	"testing"
	"unicode/utf8"

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
	want := Policy{Allowed: map[string][]string{
		"allowed_host_paths": {"/srv/shared:ro", "/srv/scratch", "/etc/ssl/certs:ro"}, "allowed_parameters": everything, "allowed_networks": everything,
		"allowed_images": {"none"}, "allowed_capabilities": everything, "allowed_devices": {"/dev/fuse", "c 10:200 rwm"},
		"allowed_namespaces": everything, "allowed_volume_drivers": {"a,b", "local"}, "allowed_runtimes": {"runsc"},
	}}
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

// TestPolicyItemsAreText: what is not text is refused with its file and its
// place in the list, in every form of a list, and nothing stands in for it.
func TestPolicyItemsAreText(t *testing.T) {
	for name, c := range map[string]struct{ text, item, fault string }{
		"alone":                    {"\xff", "item 1, ", "is not UTF-8 text"},
		"among others":             {"/a, \x94#00 ,/b", "item 2, ", "is not UTF-8 text"},
		"on a later line":          {"# all\n/a,/b\n\n/caf\xe9\n", "item 3, ", "is not UTF-8 text"},
		"a cut character":          {"/a,/\xe2\x82", "item 2, ", "is not UTF-8 text"},
		"a surrogate":              {"/a,/\xed\xa0\x80", "item 2, ", "is not UTF-8 text"},
		"a longer form":            {"/a,\xc0\xaf", "item 2, ", "is not UTF-8 text"},
		"in JSON":                  {"[\"/a\",\"\x94#00\"]", "item 2, ", "U+FFFD"},
		"half a character in JSON": {`["/a","/b,c","\ud800#"]`, "item 3, ", "U+FFFD"},
		"the sign itself":          {"/a,/\ufffd", "item 2, ", "U+FFFD"},
		"a control character":      {"/a,/\x01", "item 2, ", "control character"},
		"empty":                    {"/a,,/b", "item 2, ", "is empty"},
		"in a comment":             {"/a\n# \xe9\n", "", "it is not UTF-8 text"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range policyFlags[1:] {
				file := ownDirectory + "/" + f.name
				root := tree(t, map[string]string{file: c.text})
				loaded, _, err := Load(Options{Root: root})
				if err == nil {
					t.Fatalf("%s is taken for %q", f.name, f.bind(loaded).text())
				}
				for _, part := range []string{root + file, c.item, c.fault} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%v: does not say %q", err, part)
					}
				}
				if !utf8.ValidString(err.Error()) {
					t.Errorf("%q", err.Error())
				}
			}
		})
	}
}

// FuzzAllowed wants a list to be what is printed of it.
func FuzzAllowed(f *testing.F) {
	for _, seed := range []string{"*", "none", "/a:ro, /b\n# c\n/d", `["a,b","#c"]`, "[", "a#b", "", ",", "c 1:2 r", "\x94#00", `["\ud800,"]`, "[\"\xff\"]", "# \xff\na"} {
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
		for _, item := range first {
			if item == "" || !utf8.ValidString(item) {
				t.Fatalf("item %q", item)
			}
		}
		if err := allowedValue(&second, "x").parse(v.text()); err != nil {
			t.Fatalf("%q is printed %q: %v", first, v.text(), err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatal(diff)
		}
	})
}
