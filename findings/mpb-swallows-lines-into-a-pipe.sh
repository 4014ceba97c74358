#!/usr/bin/env bash
# The progress bars github.com/vbauerster/mpb/v8 8.9.3.
#
# Where the output is no terminal, no bar is drawn, as its documents say. But also every line that a program writes above the bars by
# Progress.Write is lost, and Write answers with its length and no error. WithAutoRefresh brings lines and bars back. A program that
# is only tried on a terminal loses its messages in a pipe, a log file or CI.
#
# Seen:
#   answer of Write: 5 <nil>
#   on a terminal: the line is there
#   in a pipe: the line is lost
#   in a pipe with WithAutoRefresh: the line is there
# shellcheck source=findings/lib.sh
source "$(dirname "$0")/lib.sh"

program github.com/vbauerster/mpb/v8@v8.9.3 <<'END'
package main

import (
	"fmt"
	"os"

	"github.com/vbauerster/mpb/v8"
)

func main() {
	options := []mpb.ContainerOption{mpb.WithOutput(os.Stdout)}
	if len(os.Args) > 1 {
		options = append(options, mpb.WithAutoRefresh())
	}
	progress := mpb.New(options...)
	bar := progress.AddBar(1)
	n, err := progress.Write([]byte("line\n"))
	if len(os.Args) == 1 {
		fmt.Fprintln(os.Stderr, n, err)
	}
	bar.Increment()
	progress.Wait()
}
END

# line says whether the line is in what it reads.
line() { if grep -q line; then echo "the line is there"; else echo "the line is lost"; fi; }

expect "answer of Write" "$(./program 2>&1 >/dev/null)" "5 <nil>"
expect "on a terminal" "$(script --quiet --return --command "./program 2>/dev/null" /dev/null | line)" "the line is there"
expect "in a pipe" "$(./program 2>/dev/null | line)" "the line is lost"
expect "in a pipe with WithAutoRefresh" "$(./program refresh | line)" "the line is there"
