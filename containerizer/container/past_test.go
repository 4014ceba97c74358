package container

import (
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
)

func TestWholeBelow(t *testing.T) {
	for name, c := range map[string]struct {
		driver string
		config map[string]string
		want   int64
	}{
		"our own default":          {"local", map[string]string{"max-size": "5m", "max-file": "2", "compress": "false"}, 5_000_000},
		"the driver's default":     {"local", nil, 80_000_000},
		"json-file never rotates":  {"json-file", nil, -1},
		"json-file, unlimited":     {"json-file", map[string]string{"max-size": "-1"}, -1},
		"json-file, one file":      {"json-file", map[string]string{"max-size": "5m"}, 0},
		"json-file, three":         {"json-file", map[string]string{"max-size": "6k", "max-file": "3"}, 2000},
		"labels add to each entry": {"json-file", map[string]string{"labels": "a"}, 0},
		"no file of the Engine's":  {"journald", nil, 0},
		"nonsense":                 {"local", map[string]string{"max-size": "much"}, 0},
		"nonsense of files":        {"local", map[string]string{"max-file": "many"}, 0},
	} {
		if got := wholeBelow(container.LogConfig{Type: c.driver, Config: c.config}); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestLossOf(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	for name, c := range map[string]struct {
		lost, ended, until time.Time
		hasEnded, broken   bool
		want               time.Time
	}{
		"both at once":                  {lost: at(0), ended: at(20), want: at(20)},
		"the owner was stopped":         {lost: at(0), ended: at(15000), want: at(250)},
		"the daemon was slow":           {lost: at(9000), ended: at(0), want: at(250)},
		"a new daemon":                  {ended: at(20), want: at(20)},
		"a new daemon, after the end":   {ended: at(20), hasEnded: true},
		"a new daemon, a stream broken": {ended: at(20), hasEnded: true, broken: true, want: at(20)},
		"no stream":                     {lost: at(5), want: at(5)},
		"was told before":               {lost: at(5), ended: at(6), until: at(1), want: at(1)},
	} {
		w := &wait{Container: &Container{options: Options{LostAt: func(int) time.Time { return c.lost }}}}
		if c.hasEnded {
			w.end = &End{}
		}
		got := w.lossOf(OutputEnd{Ended: c.ended, Broken: c.broken, Position: &Position{Until: c.until}})
		if !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
