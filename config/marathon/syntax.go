package marathon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError says where a document stops being JSON. Line and Column count from 1, Column in bytes.
type SyntaxError struct {
	Line, Column int
	Err          error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %v", e.Line, e.Column, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// checkSyntax refuses what is not JSON, with the place and in words for what people write in JSON by habit.
func checkSyntax(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return syntaxError(data, 0, errors.New("there is nothing in it"))
	}
	if !utf8.Valid(data) {
		offset := 0
		for r, size := utf8.DecodeRune(data); r != utf8.RuneError || size != 1; r, size = utf8.DecodeRune(data[offset:]) {
			offset += size
		}
		return syntaxError(data, offset, errors.New("not valid UTF-8"))
	}
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	// The offset counts the bytes read, the offending one included, unless the text ended.
	offset := int(syntax.Offset) - 1
	if strings.HasPrefix(syntax.Error(), "unexpected end") {
		return syntaxError(data, len(data), errors.New("the text ends before the document does"))
	}
	if place, found := habit(data, offset); found != "" {
		return syntaxError(data, place, errors.New(found))
	}
	return syntaxError(data, offset, syntax)
}

// habit says what stands where a document stops being JSON, and where that begins, if it is something people write by habit.
func habit(data []byte, offset int) (place int, found string) {
	rest := data[offset:]
	begins := func(text string) bool { return bytes.HasPrefix(rest, []byte(text)) }
	before := bytes.TrimRight(data[:offset], " \t\r\n")
	after := func(text string) bool { return len(before) > 0 && strings.IndexByte(text, before[len(before)-1]) >= 0 }
	switch {
	case begins("//"), begins("/*"):
		return offset, fmt.Sprintf("a comment (%s) is here, and JSON has none: remove it", rest[:2])
	case begins("#"):
		return offset, "a comment (#) is here, and JSON has none: remove it"
	case (begins("}") || begins("]")) && after(","):
		return len(before) - 1, fmt.Sprintf("a comma is here with nothing but %c behind it, and JSON has none after the last element: remove it", rest[0])
	case begins("${"), begins("<%"), begins("{{"), begins("{") && after("{"):
		return offset, "the placeholder of a template is here: fill it in first"
	case begins("..."):
		return offset, "three dots are here, as in an example from which something was left out: write it, or remove them"
	case begins(","):
		return offset, "a comma is here where a key or a value belongs"
	case begins("'"):
		return offset, "a single quote is here, and JSON has texts in double quotes"
	case (begins(`"`) || begins("{") || begins("[")) && !after("{[,:"):
		return offset, "a comma or a colon is missing before this"
	}
	return 0, ""
}

func syntaxError(data []byte, offset int, err error) error {
	offset = min(max(offset, 0), len(data))
	before := data[:offset]
	return &SyntaxError{
		Line:   1 + bytes.Count(before, []byte("\n")),
		Column: offset - bytes.LastIndexByte(before, '\n'),
		Err:    err,
	}
}
