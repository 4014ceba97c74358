package cni

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLoad(t *testing.T) {
	s := newSite(t)
	other := t.TempDir()
	s.define("10-blue.conf", `{"cniVersion": "0.3.1", "name": "blue", "type": "bridge"}`)
	s.define("20-blue.conflist", `{"name": "blue", "plugins": [{"type": "ptp"}]}`)
	s.define("30-junk", `{"name": `)
	s.define("40-nameless", `{"type": "bridge"}`)
	s.define("50-large", `{"name": "large", "x": "`+strings.Repeat("x", maxFileSize)+`"}`)
	s.define("60-list", `[]`)
	if err := unix.Mkfifo(filepath.Join(s.configurations, "70-pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	(&site{t: t, configurations: other}).define("red", `{"name": "red", "plugins": [{"type": "ptp"}]}`)
	found, err := Load([]string{s.configurations, "/nowhere", other})
	if found.Names() != "blue, red" || found["blue"].File != filepath.Join(s.configurations, "10-blue.conf") {
		t.Errorf("found %v", found)
	}
	for _, want := range []string{"30-junk", "40-nameless", "50-large", "60-list", "/nowhere"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
	if none, err := Load(nil); none.Names() != "none" || err != nil {
		t.Errorf("no directory: %v, %v", none, err)
	}
}

// The NetworkInfo goes to every plugin, beside the args of the file, as the network/cni isolator of Mesos has it.
func TestNetworkInfoIsPassed(t *testing.T) {
	info := json.RawMessage(`{"labels":{"labels":[{"key":"a","value":"b"}]},"name":"blue"}`)
	for content, want := range map[string]int{
		`{"name": "blue", "type": "bridge", "args": {"cni": {"ips": []}}}`:                                 1,
		`{"cniVersion": "1.0.0", "name": "blue", "plugins": [{"type": "a"}, {"type": "b", "args": null}]}`: 2,
	} {
		list, _, err := Network{"blue", "f", []byte(content)}.describe(info)
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Plugins) != want || list.Name != "blue" {
			t.Errorf("%s: %+v", content, list)
		}
		for _, plugin := range list.Plugins {
			var given struct {
				Args map[string]json.RawMessage
			}
			if err := json.Unmarshal(plugin.Bytes, &given); err != nil || string(given.Args[mesosArgs]) != `{"network_info":`+string(info)+`}` {
				t.Errorf("%s: %s, %v", content, plugin.Bytes, err)
			}
			if strings.Contains(content, `"cni"`) && given.Args["cni"] == nil {
				t.Errorf("the file's own args are lost: %s", plugin.Bytes)
			}
		}
	}
}

func TestWrongConfigurations(t *testing.T) {
	for content, want := range map[string]string{
		`{"name": "blue"}`:                                                             "missing 'type'",
		`{"name": "blue", "plugins": []}`:                                              "no plugins",
		`{"name": "blue", "plugins": {}}`:                                              "plugins",
		`{"name": "blue", "plugins": [null]}`:                                          "missing 'type'",
		`{"name": "blue", "cniVersion": 3, "plugins": [{"type": "a"}]}`:                "cniVersion",
		`{"name": "blue", "type": "a", "args": []}`:                                    "args",
		`{"name": "blue", "type": "a", "args": {"org.apache.mesos": {}}}`:              "reserved",
		`{"name": "blue", "plugins": [{"type": "a", "capabilities": "portMappings"}]}`: "capabilities",
	} {
		_, _, err := Network{"blue", "/etc/cni/blue", []byte(content)}.describe(nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "/etc/cni/blue") {
			t.Errorf("%s: %v", content, err)
		}
	}
}

// Whatever an admin writes, there is an error or a list of at least one plugin.
func FuzzConfiguration(f *testing.F) {
	for _, seed := range []string{`{"name": "blue", "type": "bridge"}`, `{"name": "b", "plugins": [{"type": "a", "args": null}, null]}`, `null`, `[]`,
		`{"name": "b", "cniVersions": ["0.3.1", 1], "plugins": [{"type": "a"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		list, text, err := Network{"blue", "f", content}.describe(json.RawMessage(`{}`))
		if err == nil && (len(list.Plugins) == 0 || slices.Contains(list.Plugins, nil) || !json.Valid(text)) {
			t.Errorf("%s: %+v", content, list)
		}
	})
}

// Whatever is in a record's file, it is that container's or an error.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"container": "web", "joins": [{"network": "blue"}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if a, err := parseAttachment(content, "web"); err == nil && a.Container != "web" {
			t.Errorf("%s: %+v", content, a)
		}
	})
}
