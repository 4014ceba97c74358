package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/benchmark/parse"
)

// benchmarkName is a benchmark of package containerizer with its kind and version of control groups.
var benchmarkName = regexp.MustCompile(`^Benchmark(Scrape|View)Of300Tasks/cgroup-(v[12])`)

// viewFigures is the time of a scrape of the metrics with 200 apps, and of a view of the status page, with 300 tasks each. Their control
// groups are files of package containerizer's own, so that no containers are needed.
func (b *bench) viewFigures(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "scrapes and views of 300 tasks")
	command := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=Of300Tasks$", "-benchtime=10x", "-count=3", "mesos-docker-containerizer/containerizer")
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, text)
	}
	figures, err := figuresOf(text)
	b.figures = append(b.figures, figures...)
	return err
}

// figuresOf reads what the benchmarks have printed.
func figuresOf(text []byte) (figures []figure, err error) {
	set, err := parse.ParseSet(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	for name, results := range set {
		parts := benchmarkName.FindStringSubmatch(name)
		if parts == nil {
			return nil, fmt.Errorf("there is a benchmark %s", name)
		}
		var s samples
		for _, r := range results {
			s.ours = append(s.ours, time.Duration(r.NsPerOp))
		}
		figures = append(figures, s.figure(map[string]string{"Scrape": "scrape_300_", "View": "view_300_"}[parts[1]]+parts[2], "50 ms"))
	}
	const kinds = 4
	if len(figures) != kinds {
		return nil, fmt.Errorf("%d benchmarks were run, not %d:\n%s", len(figures), kinds, text)
	}
	slices.SortFunc(figures, func(a, b figure) int { return strings.Compare(a.Name, b.Name) })
	return figures, nil
}
