package tasklist

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Clean returns text that a terminal shows and does not obey: what is not printable is escaped as in Go. Other text stays as it is.
func Clean(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, unprintable) {
		return text
	}
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// WriteJSON writes a value as JSON in lines. It escapes everything in strings that is not printable, which is more than JSON demands.
func WriteJSON(w io.Writer, value any, indent string) error {
	var encoded bytes.Buffer
	e := json.NewEncoder(&encoded)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(value); err != nil {
		return err
	}
	_, err := w.Write(escape(encoded.Bytes()))
	return err
}

// escape escapes what is not printable in a JSON text. Outside of strings there is none but ends of lines.
func escape(text []byte) []byte {
	var escaped bytes.Buffer
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\n' || !unprintable(r):
			escaped.Write(text[:size])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&escaped, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&escaped, `\u%04x`, r)
		}
		text = text[size:]
	}
	return escaped.Bytes()
}
