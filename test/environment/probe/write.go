package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// write prints "out 00000000", "out 00000001", ... on stdout and "err ..." on stderr, 13 bytes a line, so that a reader can
// tell what is lost, doubled or out of order. The last line of a stream can be left without its newline.
func write(args []string) error {
	flags := flag.NewFlagSet("write", flag.ContinueOnError)
	out := flags.Int("stdout", 0, "lines to stdout")
	errs := flags.Int("stderr", 0, "lines to stderr")
	interval := flags.Duration("interval", 0, "pause before each pair of lines, which then are not buffered")
	partial := flags.Bool("partial", false, "end each stream without a newline")
	code := flags.Int("code", 0, "exit code")
	if err := flags.Parse(args); err != nil {
		return err
	}
	streams := []*numbered{
		{w: bufio.NewWriter(os.Stdout), prefix: "out", lines: *out, partial: *partial},
		{w: bufio.NewWriter(os.Stderr), prefix: "err", lines: *errs, partial: *partial},
	}
	var tick <-chan time.Time
	if *interval > 0 {
		tick = time.Tick(*interval)
	}
	for i := range max(*out, *errs) {
		if tick != nil {
			<-tick
		}
		for _, s := range streams {
			if err := s.line(i, tick != nil); err != nil {
				return err
			}
		}
	}
	for _, s := range streams {
		if err := s.w.Flush(); err != nil {
			return err
		}
	}
	return exitCode(*code)
}

// numbered is one of the two streams.
type numbered struct {
	w       *bufio.Writer
	prefix  string
	lines   int
	partial bool
}

func (n *numbered) line(i int, flush bool) error {
	if i >= n.lines {
		return nil
	}
	if _, err := fmt.Fprintf(n.w, "%s %08d", n.prefix, i); err != nil {
		return err
	}
	if i < n.lines-1 || !n.partial {
		if _, err := io.WriteString(n.w, "\n"); err != nil {
			return err
		}
	}
	if flush {
		return n.w.Flush()
	}
	return nil
}
