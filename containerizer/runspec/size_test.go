package runspec_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/runspec"
)

func TestCheckSize(t *testing.T) {
	longest := 32*os.Getpagesize() - 1
	text := func(n int) string { return strings.Repeat("x", n) }
	many := func(n, size int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = text(size)
		}
		return all
	}
	stack := func(soft int64) []*container.Ulimit {
		return []*container.Ulimit{{Name: "nofile", Soft: 1, Hard: 1}, {Name: "stack", Soft: soft, Hard: -1}}
	}
	for name, test := range map[string]struct {
		command, environment []string
		limits               []*container.Ulimit
		want                 string // part of the error, empty for none
		sure                 bool
	}{
		"nothing":                 {nil, nil, nil, "", true},
		"the longest argument":    {[]string{"a", text(longest)}, nil, nil, "", true},
		"a longer one":            {[]string{"a", text(longest + 1)}, nil, nil, "string 2 of the command has ", true},
		"the longest variable":    {nil, []string{"N=" + text(longest-2)}, nil, "", true},
		"a longer one, by a name": {nil, []string{"N=" + text(longest-1)}, nil, `variable "N" has `, true},
		"20 of 100 kB":            {many(20, 100_000), nil, nil, "", true},
		"21 of 100 kB":            {many(20, 100_000), many(1, 100_000), nil, "takes at most 2097152 with the usual stack limit of 8MiB", false},
		"63 of 100 kB":            {many(63, 100_000), nil, nil, "takes at most 2097152", true},
		"12, 8 MiB stack":         {many(12, 100_000), nil, stack(8 << 20), "", true},
		"12, 4 MiB stack":         {many(12, 100_000), nil, stack(4 << 20), "1048576 with a stack limit of 4194304 bytes", true},
		"10, 4 MiB stack":         {many(10, 100_000), nil, stack(4 << 20), "", true},
		"21, 16 MiB stack":        {many(21, 100_000), nil, stack(16 << 20), "", true},
		"62, no stack limit":      {many(62, 100_000), nil, stack(-1), "", true},
		"63, no stack limit":      {many(63, 100_000), nil, stack(-1), "takes at most 6291456", true},
		"a tiny stack, 100 kB":    {many(1, 100_000), nil, stack(4096), "", true},
		"a tiny stack, 200 kB":    {many(2, 100_000), nil, stack(4096), "takes at most 131072 with", true},
	} {
		err, sure := runspec.CheckSize(test.command, test.environment, test.limits)
		switch {
		case sure != test.sure || (err == nil) != (test.want == ""):
			t.Errorf("%s: %v, sure %v", name, err, sure)
		case err != nil && (!strings.Contains(err.Text, test.want) || strings.Contains(err.Text, "xxx")):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is too much is refused, and what may be is marked.
func TestTranslateChecksTheSize(t *testing.T) {
	for name, test := range map[string]struct {
		size, variables int
		field           string
		large           bool
	}{
		"small":            {1000, 1, "", false},
		"large":            {100_000, 2, "", true},
		"perhaps too much": {100_000, 21, "", true},
		"too much":         {100_000, 63, "command", true},
		"a long value":     {32 * os.Getpagesize(), 1, "command.environment", true},
	} {
		task := taskOf(infoOf(t, dockerTask("", "", shellCommand)))
		for i := range test.variables {
			value := strings.Repeat("x", test.size)
			task.Info.Command.Environment = addVariable(task.Info.Command.Environment, fmt.Sprint("V", i), value)
		}
		spec, err := runspec.Translate(t.Context(), task, runspec.Options{})
		if test.field == "" {
			if err != nil || spec.Large != test.large {
				t.Errorf("%s: %v, large %v", name, err, spec != nil && spec.Large)
			}
			continue
		}
		if e, ok := err.(*runspec.Error); !ok || e.Field != test.field {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func addVariable(e *mesos.Environment, name, value string) *mesos.Environment {
	if e == nil {
		e = &mesos.Environment{}
	}
	e.Variables = append(e.Variables, mesos.Environment_Variable{Name: name, Value: &value})
	return e
}
