package drain

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"mesos-docker-containerizer/containerizer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errAway    = errors.New("nobody answers")
	errRefused = errors.New("refused")
)

// TestWait has one look a second at a host of which each word is a second: tasks with their states, "-" for none, "away" and "refused".
func TestWait(t *testing.T) {
	none := strings.Repeat(" -", 6)
	for name, c := range map[string]struct {
		host  string // its last word goes on
		limit time.Duration
		want  string // each listing and each absence
		err   error
		left  int
		took  time.Duration
	}{
		"nothing":               {host: "-", took: 5 * time.Second},
		"two go":                {host: "a:running,b:running a:running,b:stopping b:stopping" + none, want: "a:running,b:running|a:running,b:stopping|b:stopping", took: 8 * time.Second},
		"one comes":             {host: "a:running a:running a:running,b:pulling" + none, want: "a:running|a:running,b:pulling", took: 8 * time.Second},
		"a pull goes on":        {host: "a:pulling:1% a:pulling:2% a:running:r a:running:s" + none, want: "a:pulling|a:running|a:running", took: 9 * time.Second},
		"time is up":            {host: "a:running", limit: 30 * time.Second, want: "a:running", err: ErrLate, left: 1, took: 30 * time.Second},
		"less than a look":      {host: "a:running", limit: time.Nanosecond, want: "a:running", err: ErrLate, left: 1, took: time.Second},
		"none within a second":  {host: "-", limit: time.Second, took: 5 * time.Second},
		"back after the time":   {host: "- - - a:running", limit: time.Second, want: "a:running", err: ErrLate, left: 1, took: 3 * time.Second},
		"a restart":             {host: "a:running away away - - - a:running" + none, want: "a:running|away", took: 12 * time.Second},
		"a restart unseen":      {host: "a:running - - a:running" + none, want: "a:running", took: 9 * time.Second},
		"two restarts":          {host: "a:running away - - - - - away away a:running" + none, want: "a:running|away|away", took: 15 * time.Second},
		"away to the end":       {host: "a:running away", limit: 10 * time.Second, want: "a:running|away", err: ErrLate, left: 1, took: 10 * time.Second},
		"none, away to the end": {host: "- - away", limit: 10 * time.Second, want: "away", err: ErrLate, took: 10 * time.Second},
		"never there":           {host: "away", err: errAway},
		"refused":               {host: "a:running refused", want: "a:running", err: errRefused, left: 1, took: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, told := time.Now(), []string{}
				left, err := Wait(t.Context(), Watch{
					Limit: c.limit,
					Look: func(context.Context) ([]containerizer.TaskReport, error) {
						return look(strings.Fields(c.host), time.Since(began))
					},
					Away: func(err error) bool { return err == errAway },
					Left: func(left []containerizer.TaskReport) error { told = append(told, words(left)); return nil },
					Gone: func(error) { told = append(told, "away") },
				})
				if took := time.Since(began); !errors.Is(err, c.err) || len(left) != c.left || took != c.took {
					t.Errorf("%v, %d left, after %v", err, len(left), took)
				}
				if got := strings.Join(told, "|"); got != c.want {
					t.Errorf("told %s\nwant %s", got, c.want)
				}
			})
		})
	}
}

// look is what the host is after so many seconds.
func look(host []string, after time.Duration) (reports []containerizer.TaskReport, err error) {
	switch word := host[min(int(after/time.Second), len(host)-1)]; word {
	case "-":
	case "away":
		return nil, errAway
	case "refused":
		return nil, errRefused
	default:
		for _, task := range strings.Split(word, ",") {
			fields := append(strings.Split(task, ":"), "")
			reports = append(reports, containerizer.TaskReport{Container: fields[0], State: containerizer.TaskState(fields[1]), Doing: fields[2]})
		}
	}
	return reports, nil
}

func words(reports []containerizer.TaskReport) string {
	var all []string
	for _, r := range reports {
		all = append(all, r.Container+":"+string(r.State))
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

func TestWaitIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		left, err := Wait(ctx, Watch{
			Look: func(context.Context) ([]containerizer.TaskReport, error) { return look([]string{"a:running"}, 0) },
			Left: func([]containerizer.TaskReport) error { return nil },
		})
		if !errors.Is(err, context.DeadlineExceeded) || len(left) != 1 {
			t.Errorf("%v, %d left", err, len(left))
		}
	})
}
