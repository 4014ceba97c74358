package cni

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/executor/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a host with a book, and plugins that are shell scripts.
type site struct {
	t                           *testing.T
	book                        *Book
	plugins, configurations, at string
}

func newSite(t *testing.T) *site {
	s := &site{t: t, plugins: t.TempDir(), configurations: t.TempDir(), at: filepath.Join(t.TempDir(), "state")}
	s.book = NewBook(s.at, zaptest.NewLogger(t))
	t.Setenv("CNI_TEST_DIRECTORY", s.plugins)
	s.plugin("good", `echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.1.2.3/24"}]}'`)
	return s
}

// plugin makes a plugin of a line of the shell. Each run is noted with what it was given.
func (s *site) plugin(name, line string) {
	s.t.Helper()
	script := "#!/bin/sh\nconfiguration=$(cat)\n" +
		`echo "$CNI_COMMAND ${0##*/} $CNI_CONTAINERID $CNI_IFNAME ${CNI_NETNS:-gone}" >>"$CNI_TEST_DIRECTORY/runs"` + "\n" +
		`echo "$configuration" >"$CNI_TEST_DIRECTORY/$CNI_COMMAND-${0##*/}.given"` + "\n" + line + "\n"
	if err := os.WriteFile(filepath.Join(s.plugins, name), []byte(script), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// runs are the runs of plugins since the last call.
func (s *site) runs() []string {
	s.t.Helper()
	file := filepath.Join(s.plugins, "runs")
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	os.Remove(file)
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

func (s *site) wantRuns(want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, s.runs()...)); diff != "" {
		s.t.Errorf("runs of plugins (-want +got):\n%s", diff)
	}
}

// given is the configuration that a plugin had at its last run.
func (s *site) given(command, plugin string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.plugins, command+"-"+plugin+".given"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// define writes a file of the admin's.
func (s *site) define(file, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.configurations, file), []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// attach plans a request and carries it out.
func (s *site) attach(ctx context.Context, r Request, namespace string) (*Attachment, error) {
	plan, err := r.Plan()
	if err != nil {
		return nil, err
	}
	return s.book.Attach(ctx, plan, namespace)
}

// request asks for networks, each of a plugin of that name.
func (s *site) request(pluginNames ...string) Request {
	s.t.Helper()
	r := Request{Container: "web", Executor: wire.Process{PID: 7, StartTime: 9, BootID: "b"}, Plugins: []string{s.plugins}}
	for _, name := range pluginNames {
		content := `{"cniVersion": "1.0.0", "name": "net-` + name + `", "plugins": [{"type": "` + name + `"}]}`
		r.Networks = append(r.Networks, Wish{Network: Network{"net-" + name, "/etc/cni/" + name, []byte(content)}})
	}
	return r
}
