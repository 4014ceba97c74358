package main

import (
	"bytes"
	"io"
)

// answer is what a command prints.
type answer struct {
	stdout, stderr io.Writer
	held           []held // what is to be printed at the end
	hold           bool
}

type held struct {
	to   io.Writer
	text bytes.Buffer
}

func newAnswer(stdout, stderr io.Writer, hold bool) *answer {
	return &answer{stdout: stdout, stderr: stderr, hold: hold}
}

func (a *answer) write(to io.Writer, body []byte) error {
	if !a.hold {
		_, err := to.Write(body)
		return err
	}
	if last := len(a.held) - 1; last < 0 || a.held[last].to != to {
		a.held = append(a.held, held{to: to})
	}
	a.held[len(a.held)-1].text.Write(body)
	return nil
}

// flush prints what is held, in the order in which it came.
func (a *answer) flush() error {
	for i := range a.held {
		if _, err := a.held[i].to.Write(a.held[i].text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
