package liveagent

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestState(t *testing.T) {
	const id, more = `"id":"2f1c-S7","pid":"slave(1)@10.0.0.7:5051","hostname":"node7.example"`, `,"version":"0.25.0"`
	seven := State{Version: "1.11.0", ID: "2f1c-S7", Hostname: "node7.example", IP: "10.0.0.7", Scheme: "http"}
	with := func(change func(*State)) State {
		s := seven
		change(&s)
		return s
	}
	master := func(address string) State { return with(func(s *State) { s.Master = address }) }
	for name, c := range map[string]struct {
		state string
		tls   bool
		want  State
		err   string
	}{
		"ZooKeeper":         {`{` + id + `,"master_hostname":"m1.example","flags":{"master":"zk://user:secret@z1:2181,z2:2181/mesos"}}`, false, master("m1.example:5050"), ""},
		"one master":        {`{` + id + `,"master_hostname":"m1.example","flags":{"master":"10.0.0.1:5060"}}`, false, master("10.0.0.1:5060"), ""},
		"IPv6":              {`{"pid":"slave(1)@[fd00::7]:5051","flags":{"master":"[fd00::1]:5050"}}`, false, State{Version: "1.11.0", IP: "fd00::7", Master: "[fd00::1]:5050", Scheme: "http"}, ""},
		"flags not told":    {`{` + id + `,"master_hostname":"m1"}`, false, master("m1:5050"), ""},
		"TLS":               {`{` + id + `}`, true, with(func(s *State) { s.Scheme = "https" }), ""},
		"no master":         {`{"id":"","pid":"slave(1)@10.0.0.7:5051","hostname":"node7.example"}`, false, with(func(s *State) { s.ID = "" }), ""},
		"denied":            {"denied", false, State{Version: "1.11.0", Scheme: "http"}, ErrDenied.Error()},
		"somebody else":     {`{"id":"1'; reboot; '","pid":"x@1.2.3.4;reboot:1","hostname":"a b","master_hostname":"$(reboot)","flags":{"master":"a'b:1"}}`, false, State{Version: "1.11.0", Scheme: "http"}, ""},
		"a zone":            {`{"pid":"slave(1)@[fe80::1%;reboot]:1","flags":{"master":"[fe80::1%;reboot]:1"}}`, false, State{Version: "1.11.0", Scheme: "http"}, ""},
		"something else":    {`<html>`, false, State{Version: "1.11.0", Scheme: "http"}, "not answered as by a Mesos agent"},
		"an old one":        {`old{` + id + more + `}`, false, with(func(s *State) { s.Version = "0.25.0" }), ""},
		"nothing like that": {"absent", false, State{Scheme: "http"}, errAbsent.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			pages := map[string]string{"/version": `{"version":"1.11.0"}`, "/state": c.state}
			if old, ok := strings.CutPrefix(c.state, "old"); ok {
				pages = map[string]string{"/state.json": old}
			}
			if c.state == "absent" {
				pages = nil
			}
			start := httptest.NewServer
			if c.tls {
				start = httptest.NewTLSServer
			}
			server := start(answers(pages))
			defer server.Close()
			got, err := New(server.Listener.Addr().String()).State(t.Context())
			if text := errorText(err); (c.err == "") != (text == "") || !strings.Contains(text, c.err) {
				t.Errorf("error %q, want %q", text, c.err)
			}
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func FuzzState(f *testing.F) {
	f.Add("2f1c-S7", "slave(1)@10.0.0.7:5051", "node7", "m1", "10.0.0.1:5050")
	f.Add("'", "@[::1%']:1", "$(x)", "`x`", "[::1%']:1")
	f.Fuzz(func(t *testing.T, id, pid, hostname, master, flag string) {
		told, err := json.Marshal(map[string]any{"id": id, "pid": pid, "hostname": hostname, "master_hostname": master, "flags": map[string]string{"master": flag}})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(answers(map[string]string{"/state": string(told)}))
		defer server.Close()
		s, err := New(server.Listener.Addr().String()).State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if all := s.ID + s.Hostname + s.IP + s.Master; strings.Trim(all, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:[]") != "" {
			t.Errorf("not plain: %q", all)
		}
	})
}
