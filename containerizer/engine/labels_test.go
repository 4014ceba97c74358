package engine

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-multierror"
	"pgregory.net/rapid"
)

func drawLabels(t *rapid.T) Labels {
	word := rapid.String()
	required := rapid.StringN(1, -1, -1)
	return Labels{
		Instance:          required.Draw(t, "instance"),
		Name:              required.Draw(t, "name"),
		Framework:         word.Draw(t, "framework"),
		Executor:          word.Draw(t, "executor"),
		Task:              word.Draw(t, "task"),
		Route:             word.Draw(t, "route"),
		Sandbox:           word.Draw(t, "sandbox"),
		StopGrace:         time.Duration(rapid.Int64Min(0).Draw(t, "grace")),
		ExecutorPID:       int(rapid.Int32Min(0).Draw(t, "pid")),
		ExecutorStartTime: rapid.Uint64().Draw(t, "start time"),
		BootID:            word.Draw(t, "boot id"),
		Note:              word.Draw(t, "note"),
		Devices:           word.Draw(t, "devices"),
	}
}

func TestLabelsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawLabels(t)
		others := rapid.MapOf(rapid.String().Filter(func(s string) bool {
			return !strings.HasPrefix(s, LabelPrefix)
		}), rapid.String()).Draw(t, "labels of the image")
		written := want.Map()
		maps.Copy(written, others)
		written[LabelPrefix+"of_a_later_version"] = "x"
		got, err := ParseLabels(written)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestParseLabelsListsEveryMistake(t *testing.T) {
	labels := Labels{Instance: "i", Name: "n", Task: "t"}.Map()
	delete(labels, labelName)
	labels[labelStopGrace] = "-1s"
	labels[labelPID] = "99999999999"
	labels[labelStartTime] = "soon"
	got, err := ParseLabels(labels)
	list, ok := err.(*multierror.Error)
	if !ok || len(list.Errors) != 4 {
		t.Fatalf("got %v, want four mistakes", err)
	}
	for _, key := range []string{labelName, labelStopGrace, labelPID, labelStartTime} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%v does not name %s", err, key)
		}
	}
	if diff := cmp.Diff(Labels{Instance: "i", Task: "t"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestOurs(t *testing.T) {
	l := Labels{Instance: "a", Name: "web"}
	for _, tt := range []struct {
		labels         Labels
		instance, name string
		want           bool
	}{
		{l, "a", "/web", true},
		{l, "a", "web", true},
		{l, "b", "/web", false},
		{l, "a", "/copy-of-web", false}, // run from an image committed from ours
		{Labels{}, "", "", false},
		{Labels{Name: "web"}, "", "/web", false},
	} {
		if got := tt.labels.Ours(tt.instance, tt.name); got != tt.want {
			t.Errorf("%+v.Ours(%q, %q) = %v", tt.labels, tt.instance, tt.name, got)
		}
	}
}

func FuzzParseLabels(f *testing.F) {
	f.Add("i", "n", "1m30s", "17", "4711")
	f.Add("", "", "", "", "")
	f.Add("i", "n", "1e9h", "-1", "0x10")
	f.Fuzz(func(t *testing.T, instance, name, grace, pid, ticks string) {
		l, err := ParseLabels(map[string]string{
			labelInstance: instance, labelName: name, labelStopGrace: grace, labelPID: pid, labelStartTime: ticks,
		})
		if l.StopGrace < 0 || l.ExecutorPID < 0 {
			t.Fatalf("negative: %+v", l)
		}
		if err != nil {
			return
		}
		again, err := ParseLabels(l.Map())
		if err != nil || again != l {
			t.Fatalf("%+v became %+v, %v", l, again, err)
		}
	})
}
