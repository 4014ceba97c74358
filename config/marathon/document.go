package marathon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"

	"mesos-docker-containerizer/internal/strictjson"
)

// Limits on a document. They keep a hostile document from exhausting the stack or burying its reader in mistakes.
const (
	maxDepth    = 64
	maxMistakes = 100
)

// document collects the mistakes of one parse, and what it passes over.
type document struct {
	strict   bool // nothing is passed over
	mistakes []error
	warnings []*strictjson.Mistake
	repeated bool    // a key appears more than once in an object
	app      *object // that is being read; nil between apps
}

func (d *document) mistake(path, format string, args ...any) {
	if d.full() {
		return
	}
	d.mistakes = append(d.mistakes, &strictjson.Mistake{Path: path, Message: fmt.Sprintf(format, args...)})
}

// tolerate records what Marathon has tolerated: a mistake if the document is to be strict, else a warning with the consequence.
func (d *document) tolerate(path, consequence, format string, args ...any) {
	switch {
	case d.strict:
		d.mistake(path, format, args...)
	case len(d.warnings) < maxMistakes:
		d.warnings = append(d.warnings, &strictjson.Mistake{Path: path, Message: fmt.Sprintf(format, args...) + consequence})
	}
}

// full says that enough mistakes are known. Readers of lists and maps stop then, for a large document may consist of nothing else.
func (d *document) full() bool { return len(d.mistakes) >= maxMistakes }

func (d *document) err() error {
	if len(d.mistakes) == 0 {
		return nil
	}
	list := &multierror.Error{Errors: d.mistakes, ErrorFormat: formatMistakes}
	if d.full() {
		list.Errors = append(list.Errors, fmt.Errorf("these are the first %d mistakes; there may be more", maxMistakes))
	}
	return list
}

// formatMistakes writes a single mistake plainly and several one a line.
func formatMistakes(mistakes []error) string {
	if len(mistakes) == 1 {
		return mistakes[0].Error()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d mistakes:", len(mistakes))
	for _, mistake := range mistakes {
		fmt.Fprintf(&text, "\n  %v", mistake)
	}
	return text.String()
}

// open checks what must hold before any value is looked at: UTF-8, syntax and depth; and that keys appear once. It fails where
// the document cannot be read at all, and otherwise returns its root.
func (d *document) open(data []byte) (value, error) {
	if err := checkSyntax(data); err != nil {
		return value{}, err
	}
	data = bytes.TrimSpace(data)
	if err := d.scan(data, "", 0); err != nil {
		return value{}, err
	}
	return value{doc: d, raw: data}, nil
}

// scan walks the whole document, also those parts nobody reads later, for keys that appear twice and for excessive depth. The text is
// known to be valid JSON.
func (d *document) scan(text []byte, path string, depth int) error {
	if text[0] != '{' && text[0] != '[' {
		return nil
	}
	if depth == maxDepth {
		return &strictjson.Mistake{Message: fmt.Sprintf("nested deeper than %d levels", maxDepth)}
	}
	if text[0] == '[' {
		for i, element := range elements(text) {
			if err := d.scan(element, strictjson.Join(path, strconv.Itoa(i)), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	keys := map[string]bool{}
	for _, m := range members(text) {
		place := strictjson.Join(path, m.key)
		if keys[m.key] {
			d.repeated = true
			d.tolerate(place, "; the last counts", "this key appears more than once in its object")
		}
		keys[m.key] = true
		if m.raw == nil {
			continue
		}
		if err := d.scan(m.raw, place, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// members splits the text of an object, which is known to be valid JSON.
func members(text []byte) []member {
	var all []member
	for key, rest := next(text[1:]); key != nil; key, rest = next(rest) {
		var m member
		if json.Unmarshal(key, &m.key) != nil {
			return all
		}
		m.raw, rest = next(rest)
		if string(m.raw) == "null" {
			m.raw = nil
		}
		all = append(all, m)
	}
	return all
}

// elements yields the elements of a list, which is known to be valid JSON, with their indexes.
func elements(text []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		i := 0
		for element, rest := next(text[1:]); element != nil; element, rest = next(rest) {
			if !yield(i, element) {
				return
			}
			i++
		}
	}
}

// next returns the first value in the inside of an object or list, without copying it, and the text behind it. At the end of the
// object or list the value is nil. A document is split once per level of nesting, so this must cost little: a json.Decoder for
// each level would hold a copy of what is below it.
func next(text []byte) (element, rest []byte) {
	start := 0
	for start < len(text) && strings.IndexByte(" \t\r\n,:", text[start]) >= 0 {
		start++
	}
	depth := 0
	for i := start; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return text[start : i+1], text[i+1:]
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 && i == start {
				return nil, nil
			}
			if depth == 0 {
				return text[start:i], text[i:]
			}
			if depth--; depth == 0 {
				return text[start : i+1], text[i+1:]
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return text[start:i], text[i:]
			}
		}
	}
	return nil, nil
}

// member is one key of an object, in the document's order.
type member struct {
	key string
	raw []byte // nil for null
}
