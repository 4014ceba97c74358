package marathon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/go-multierror"
)

// Limits on a document. They keep a hostile document from exhausting the stack or burying its reader in mistakes.
const (
	maxDepth    = 64
	maxMistakes = 100
)

// Mistake is one thing wrong in a document. Parse returns all of them in a *multierror.Error; errors.As finds the first.
type Mistake struct {
	Path    string // JSON pointer (RFC 6901) to the value; empty for the whole document
	Message string
}

func (m *Mistake) Error() string {
	if m.Path == "" {
		return "document: " + m.Message
	}
	return m.Path + ": " + m.Message
}

// SyntaxError says where a document stops being JSON. Line and Column count from 1, Column in bytes.
type SyntaxError struct {
	Line, Column int
	Err          error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %v", e.Line, e.Column, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// document collects the mistakes of one parse.
type document struct {
	mistakes []error
	unshown  int
}

func (d *document) mistake(path, format string, args ...any) {
	if len(d.mistakes) >= maxMistakes {
		d.unshown++
		return
	}
	d.mistakes = append(d.mistakes, &Mistake{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (d *document) err() error {
	if len(d.mistakes) == 0 {
		return nil
	}
	list := &multierror.Error{Errors: d.mistakes}
	if d.unshown > 0 {
		list.Errors = append(list.Errors, fmt.Errorf("and %d more mistakes", d.unshown))
	}
	return list
}

// open checks what must hold before any value is looked at: UTF-8, syntax, depth and keys that appear once. It fails where the
// document cannot be read at all, and otherwise returns its root.
func (d *document) open(data []byte) (value, error) {
	if !utf8.Valid(data) {
		offset := 0
		for r, size := utf8.DecodeRune(data); r != utf8.RuneError || size != 1; r, size = utf8.DecodeRune(data[offset:]) {
			offset += size
		}
		return value{}, syntaxError(data, offset, errors.New("not valid UTF-8"))
	}
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			// The offset counts the bytes read, the offending one included, unless the text ended.
			offset := int(syntax.Offset) - 1
			if strings.HasPrefix(syntax.Error(), "unexpected end") {
				offset = len(data)
			}
			return value{}, syntaxError(data, offset, syntax)
		}
		return value{}, err
	}
	if err := d.scan(data); err != nil {
		return value{}, err
	}
	return value{doc: d, raw: bytes.TrimSpace(data)}, nil
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

// scan walks the whole document, also those parts nobody reads later, for keys that appear twice and for excessive depth.
func (d *document) scan(data []byte) error {
	type frame struct {
		path  string
		keys  map[string]bool // nil for a list
		key   string          // last key read
		inKey bool            // the next token is a key
		index int
	}
	var stack []frame
	tokens := json.NewDecoder(bytes.NewReader(data))
	tokens.UseNumber()
	for {
		token, err := tokens.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the document: %w", err)
		}
		delim, isDelim := token.(json.Delim)
		if isDelim && (delim == '}' || delim == ']') {
			stack = stack[:len(stack)-1]
			continue
		}
		path := ""
		if n := len(stack); n > 0 {
			top := &stack[n-1]
			if top.inKey {
				top.key = token.(string)
				top.inKey = false
				if top.keys[top.key] {
					d.mistake(join(top.path, top.key), "this key appears more than once in its object")
				}
				top.keys[top.key] = true
				continue
			}
			if top.keys != nil {
				top.inKey = true
				if isDelim {
					path = join(top.path, top.key)
				}
			} else {
				if isDelim {
					path = join(top.path, strconv.Itoa(top.index))
				}
				top.index++
			}
		}
		if isDelim {
			if len(stack) == maxDepth {
				return &Mistake{Message: fmt.Sprintf("nested deeper than %d levels", maxDepth)}
			}
			f := frame{path: path}
			if delim == '{' {
				f.keys, f.inKey = map[string]bool{}, true
			}
			stack = append(stack, f)
		}
	}
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// join appends a reference token to a JSON pointer.
func join(path, token string) string {
	return path + "/" + pointerEscapes.Replace(shorten(token))
}

// shorten keeps foreign text in messages readable.
func shorten(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	cut := limit
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// value is one JSON value and its place. Reading it as something it is not records a mistake and yields the default, so that a
// reader goes on and finds the next mistake. JSON null counts as absent, as in Marathon.
type value struct {
	doc    *document
	path   string
	raw    []byte // nil if absent
	broken bool   // what should have held this value was itself a mistake: stay silent
}

func (v value) present() bool { return v.raw != nil }

func (v value) mistake(format string, args ...any) { v.doc.mistake(v.path, format, args...) }

// required records a mistake if the value is absent, and returns the value.
func (v value) required(why string) value {
	if !v.present() && !v.broken {
		v.mistake("missing: %s", why)
		v.broken = true
	}
	return v
}

// kind names the value's JSON type without showing its content, which may be a secret.
func (v value) kind() string {
	switch v.raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	default:
		return "a number"
	}
}

func (v value) expected(what string) { v.mistake("expected %s, found %s", what, v.kind()) }

func (v value) str(absent string) string {
	if !v.present() {
		return absent
	}
	var s string
	if v.raw[0] != '"' || json.Unmarshal(v.raw, &s) != nil {
		v.expected("a string")
		return absent
	}
	if strings.ContainsRune(s, 0) {
		v.mistake("contains a NUL character, which no process, path or variable can carry")
		return absent
	}
	return s
}

func (v value) boolean(absent bool) bool {
	if !v.present() {
		return absent
	}
	var b bool
	if json.Unmarshal(v.raw, &b) != nil {
		v.expected("true or false")
		return absent
	}
	return b
}

// number reads a finite number that is at least least.
func (v value) number(absent, least float64) float64 {
	if !v.present() {
		return absent
	}
	if strings.ContainsRune(`{["tf`, rune(v.raw[0])) {
		v.expected("a number")
		return absent
	}
	f, err := strconv.ParseFloat(string(v.raw), 64)
	if err != nil {
		v.mistake("%s is beyond the range of a number", shorten(string(v.raw)))
		return absent
	}
	if f < least {
		v.mistake("%s is too small: at least %v", shorten(string(v.raw)), least)
		return absent
	}
	return f
}

// integer reads a whole number between least and most.
func (v value) integer(absent, least, most int) int {
	if !v.present() {
		return absent
	}
	f := v.number(math.Inf(-1), math.Inf(-1))
	switch {
	case math.IsInf(f, -1): // number has said what is wrong
		return absent
	case f != math.Trunc(f):
		v.mistake("%s is not a whole number", shorten(string(v.raw)))
		return absent
	case f < float64(least) || f > float64(most):
		v.mistake("%s is out of range: accepted are %d to %d", shorten(string(v.raw)), least, most)
		return absent
	}
	return int(f)
}

// oneOf reads one of the accepted words, in whatever case it is written, and returns it as listed.
func (v value) oneOf(absent string, accepted ...string) string {
	if !v.present() {
		return absent
	}
	if v.raw[0] != '"' {
		v.expected("a string")
		return absent
	}
	s := v.str("")
	for _, word := range accepted {
		if strings.EqualFold(s, word) {
			return word
		}
	}
	v.mistake("%q is unknown: accepted are %s", shorten(s), strings.Join(accepted, ", "))
	return absent
}

// list reads a list; its elements may be anything, but null is no element.
func (v value) list() []value {
	if !v.present() {
		return nil
	}
	if v.raw[0] != '[' {
		v.expected("a list")
		return nil
	}
	var elements []value
	for raw, rest := next(v.raw[1:]); raw != nil; raw, rest = next(rest) {
		element := value{doc: v.doc, path: join(v.path, strconv.Itoa(len(elements))), raw: raw}
		if string(raw) == "null" {
			element.mistake("null is not accepted here")
			element.raw, element.broken = nil, true
		}
		elements = append(elements, element)
	}
	return elements
}

func (v value) strings() []string {
	var all []string
	for _, element := range v.list() {
		all = append(all, element.str(""))
	}
	return all
}

// object reads an object. The result is never nil, so that the caller can go on after a mistake.
func (v value) object() *object {
	o := &object{doc: v.doc, path: v.path, known: map[string]bool{}}
	if !v.present() {
		o.broken = true
		return o
	}
	if v.raw[0] != '{' {
		v.expected("an object")
		o.broken = true
		return o
	}
	o.members = members(v.raw)
	return o
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

// next returns the first value in the inside of an object or list, without copying it, and the text behind it. At the end of the
// object or list the value is nil. A document is split once per level of nesting, so this must cost little.
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

// object reads the fields of one JSON object and remembers which keys exist, so that close can name those that do not.
type object struct {
	doc     *document
	path    string
	members []member
	known   map[string]bool
	broken  bool
}

func (o *object) mistake(format string, args ...any) { o.doc.mistake(o.path, format, args...) }

// field returns the value of a key and makes the key known.
func (o *object) field(key string) value {
	o.known[key] = true
	v := value{doc: o.doc, path: join(o.path, key), broken: o.broken}
	for _, m := range o.members {
		if m.key == key {
			v.raw = m.raw
		}
	}
	return v
}

// peek returns a field of the object that the value may be, without any judgement on the value.
func (v value) peek(key string) value {
	if !v.present() || v.raw[0] != '{' {
		return value{doc: v.doc, broken: true}
	}
	return v.object().field(key)
}

// ignore makes keys known that have no influence on a TaskInfo.
func (o *object) ignore(keys ...string) {
	for _, key := range keys {
		o.known[key] = true
	}
}

// close records every key that nobody asked for.
func (o *object) close() {
	for _, m := range o.members {
		if o.known[m.key] {
			continue
		}
		if near := nearest(m.key, o.known); near != "" {
			o.doc.mistake(join(o.path, m.key), "unknown key; did you mean %q?", near)
		} else {
			o.doc.mistake(join(o.path, m.key), "unknown key")
		}
	}
}

// textMap reads an object whose keys are free and whose values are strings, in the document's order.
func (v value) textMap() []pair {
	o := v.object()
	var all []pair
	for _, m := range o.members {
		element := value{doc: v.doc, path: join(v.path, m.key), raw: m.raw}
		if !element.present() {
			element.mistake("null is not accepted here")
			continue
		}
		if strings.ContainsRune(m.key, 0) {
			element.mistake("the key contains a NUL character")
			continue
		}
		all = append(all, pair{m.key, element.str("")})
	}
	return all
}

// pair is an entry of a string map whose order is kept.
type pair struct{ key, value string }
