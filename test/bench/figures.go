package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// figure is one line of the result. Ratio is Value / Baseline, 0 without a baseline.
type figure struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Baseline float64 `json:"baseline"`
	Ratio    float64 `json:"ratio"`

	p95, baselineP95 float64 // shown, not written
	goal             string
}

// samples are the measurements of one figure and of its baseline, taken in turn.
type samples struct{ ours, bare []time.Duration }

func (s *samples) add(ours, bare time.Duration) {
	s.ours = append(s.ours, ours)
	s.bare = append(s.bare, bare)
}

func (s *samples) figure(name, goal string) figure {
	f := figure{
		Name: name, Unit: "ms", goal: goal,
		Value: milliseconds(quantile(s.ours, 0.5)), p95: milliseconds(quantile(s.ours, 0.95)),
		Baseline: milliseconds(quantile(s.bare, 0.5)), baselineP95: milliseconds(quantile(s.bare, 0.95)),
	}
	if f.Baseline > 0 {
		f.Ratio = f.Value / f.Baseline
	}
	return f
}

// quantile is 0 of no samples.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// show prints the table.
func show(w io.Writer, figures []figure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "figure\tours\tp95\tbare\tp95\tratio\tunit\tgoal\t")
	for _, f := range figures {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", f.Name,
			number(f.Value), number(f.p95), number(f.Baseline), number(f.baselineP95), ratio(f.Ratio), f.Unit, f.goal)
	}
	return t.Flush()
}

func number(v float64) string {
	if v == 0 {
		return "-"
	}
	if v < 10 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

func ratio(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}

// save writes the figures as JSON.
func save(path string, figures []figure) error {
	text, err := json.MarshalIndent(map[string][]figure{"figures": figures}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
