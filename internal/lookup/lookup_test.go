package lookup

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

var tasks = []Names{
	{Task: "shop_web.instance-1a._app.1", App: "/shop/web", Container: "mdc-shop_web.instance-1a._app.1-00", ContainerID: "ab12cd"},
	{Task: "shop_web.instance-2b._app.1", App: "/shop/web", Container: "mdc-shop_web.instance-2b._app.1-01", ContainerID: "ab99cd"},
	{Task: "shop_web2.instance-3c._app.1", App: "/shop/web2", Container: "mesos-11111111", ContainerID: "5e0"},
	{Task: "job", Container: "mdc-job-02", ContainerID: "10b"},
	{Task: "job-2", Container: "mdc-job-2-03", ContainerID: "10b7"},
	{Task: "bad\x1b[2J", App: "/bad", Container: "mdc-bad-04"},
	{Task: "bad\n", App: "/bad", Container: "mdc-bad-05"},
}

func self(n Names) Names { return n }

func TestOne(t *testing.T) {
	for _, c := range []struct {
		word string
		want int
		err  error
	}{
		{"shop_web.instance-1a._app.1", 0, nil},
		{"shop_web.instance-2", 1, nil},
		{"shop_web", 0, ErrSeveral},
		{"/shop/web", 0, ErrSeveral},
		{"shop/web2", 2, nil},
		{"/shop/web2", 2, nil},
		{"mesos-1", 2, nil},
		{"job", 3, nil}, // although job-2 begins with it
		{"job-", 4, nil},
		{"mdc-job-0", 3, nil},
		{"10b", 3, nil},
		{"10b7", 4, nil},
		{"ab", 0, ErrSeveral},
		{"ab1", 0, nil},
		{"5", 2, nil},
		{"b", 0, ErrSeveral}, // "bad", and not the containers' ids
		{"web", 0, ErrNone},
		{"", 0, ErrNone},
		{"/", 0, ErrNone},
	} {
		got, err := One(tasks, self, c.word)
		if !errors.Is(err, c.err) || err == nil && got != tasks[c.want] {
			t.Errorf("%q: %v %v, want %v %v", c.word, got, err, tasks[c.want], c.err)
		}
	}
}

func TestAll(t *testing.T) {
	for word, want := range map[string]int{"": 7, "/": 7, "shop": 3, "/shop/web": 3, "job": 2, "mdc-": 6, "10b": 2, "web": 0, "shop_web.": 2} {
		if got := All(tasks, self, word); len(got) != want {
			t.Errorf("%q: %v, want %d", word, got, want)
		}
	}
}

// TestErrorsAreSafe: names are a task's to choose, and errors are shown on terminals.
func TestErrorsAreSafe(t *testing.T) {
	for _, word := range []string{"bad", "\x1b[2J", "\n"} {
		_, err := One(tasks, self, word)
		if err == nil || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q: %q", word, err)
		}
	}
	many := make([]Names, 12)
	if _, err := One(many, func(Names) Names { return Names{Task: "t"} }, "t"); err == nil || !strings.HasSuffix(err.Error(), "and 7 more") {
		t.Error(err)
	}
}

// TestAnyUniquePrefix: whatever the names are, a prefix of a name that no other name begins with finds its task.
func TestAnyUniquePrefix(t *testing.T) {
	name := rapid.StringMatching(`[ab/]{1,6}`)
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Names {
			return Names{Task: name.Draw(t, "task"), App: name.Draw(t, "app"), Container: name.Draw(t, "container"), ContainerID: name.Draw(t, "id")}
		}), 1, 6, func(n Names) string { return n.Task }).Draw(t, "items")
		of := items[rapid.IntRange(0, len(items)-1).Draw(t, "of")]
		word := of.Task[:rapid.IntRange(1, len(of.Task)).Draw(t, "length")]
		others := 0
		for _, n := range items {
			for _, name := range []string{n.Task, n.App, n.Container, n.ContainerID} {
				if n != of && begins(name, word) {
					others++
				}
			}
		}
		if bare(word) == "" || others > 0 {
			t.Skip("not unique")
		}
		if got, err := One(items, self, word); err != nil || got != of {
			t.Fatalf("%q among %v: %v %v", word, items, got, err)
		}
	})
}
