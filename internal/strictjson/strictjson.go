// Package strictjson checks a JSON document against the Go type that it is meant for.
//
// encoding/json ignores a key that the type does not have, and stops at the first value of a wrong type. For a document that a
// person has written both are mistakes, and the person wants to know all of them, each with its place. The struct tags of the
// type say which keys there are; the generated types of Mesos have a second tag, protobuf, which says which of them are required.
package strictjson

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mistake is one thing wrong in a document.
type Mistake struct {
	Path    string // JSON pointer (RFC 6901) to the value, of tokens that Join has shortened; empty for the whole document
	Message string // never quotes the value, which may be a secret
}

// Error returns the place and the message, on one line whatever the keys of the document are.
func (m *Mistake) Error() string {
	switch {
	case m.Path == "":
		return "document: " + m.Message
	case strings.ContainsFunc(m.Path, func(r rune) bool { return !unicode.IsPrint(r) }):
		return strconv.Quote(m.Path) + ": " + m.Message
	}
	return m.Path + ": " + m.Message
}

// Options say what Check looks at besides keys and types.
type Options struct {
	// Required reports whether the field at a JSON pointer must be there if its protobuf tag says so. No field must where it is nil.
	Required func(path string) bool
}

// Check returns what keeps data, which is valid JSON, from being decoded into T without loss: keys that T does not have, values
// of a wrong type, absent fields that Options.Required asks for. A null fits every type. The order is that of the sorted keys.
func Check[T any](data []byte, o Options) []*Mistake {
	c := &checker{required: o.Required}
	c.value(data, reflect.TypeFor[T](), "")
	return c.mistakes
}

type checker struct {
	required func(path string) bool
	mistakes []*Mistake
}

func (c *checker) mistake(path, format string, args ...any) {
	c.mistakes = append(c.mistakes, &Mistake{Path: path, Message: fmt.Sprintf(format, args...)})
}

// is reports whether a pointer to t implements I.
func is[I any](t reflect.Type) bool { return reflect.PointerTo(t).Implements(reflect.TypeFor[I]()) }

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

func (c *checker) value(data json.RawMessage, t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case string(data) == "null":
	case t.Kind() == reflect.Struct && !is[encoding.TextUnmarshaler](t):
		c.object(data, t, path)
	case t.Kind() == reflect.Slice && !isBytes(t):
		var elements []json.RawMessage
		if json.Unmarshal(data, &elements) != nil {
			c.mistake(path, "expected a list")
		}
		for i, element := range elements {
			c.value(element, t.Elem(), Join(path, strconv.Itoa(i)))
		}
	case t.Kind() == reflect.Map:
		elements := c.members(data, path)
		for _, key := range slices.Sorted(maps.Keys(elements)) {
			c.value(elements[key], t.Elem(), Join(path, key))
		}
	case json.Unmarshal(data, reflect.New(t).Interface()) != nil:
		c.mistake(path, "expected %s", expectation(t))
	}
}

// members returns what an object holds, nil for anything else.
func (c *checker) members(data json.RawMessage, path string) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		c.mistake(path, "expected an object")
		return nil
	}
	return object
}

// object is value for a struct.
func (c *checker) object(data json.RawMessage, t reflect.Type, path string) {
	object := c.members(data, path)
	if object == nil {
		return
	}
	fields := make(map[string]reflect.Type, t.NumField())
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		fields[name] = field.Type
		present := object[name] != nil && string(object[name]) != "null"
		if !present && strings.Contains(field.Tag.Get("protobuf"), ",req,") && c.required != nil && c.required(Join(path, name)) {
			c.mistake(Join(path, name), "is required")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if field, known := fields[key]; known {
			c.value(object[key], field, Join(path, key))
		} else {
			c.mistake(Join(path, key), "%s", unknown(t))
		}
	}
}

// unknown is the mistake of a key that t does not have. A type of the caller's own has no name that a reader knows.
func unknown(t reflect.Type) string {
	if t.Name() == "" {
		return "unknown key"
	}
	return nameOf(t) + " has no such field"
}

// nameOf is a type's name as the definition of the messages has it.
func nameOf(t reflect.Type) string { return strings.ReplaceAll(t.Name(), "_", ".") }

// expectation says what a scalar type takes. Types with a decoder of their own are the enumerations.
func expectation(t reflect.Type) string {
	switch {
	case isBytes(t):
		return "text in base64"
	case is[json.Unmarshaler](t):
		return "a name of " + nameOf(t)
	case is[encoding.TextUnmarshaler](t):
		return "text for " + nameOf(t)
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64, reflect.Float32:
		return "a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number of 0 or more that fits into %d bits", t.Bits())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fmt.Sprintf("a whole number that fits into %d bits", t.Bits())
	}
	return nameOf(t)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// Join appends a reference token to a JSON pointer (RFC 6901). A long token is shortened.
func Join(path, token string) string { return path + "/" + pointerEscapes.Replace(Shorten(token)) }

// Shorten cuts a text that someone else wrote to 80 bytes at the most, so that a message that quotes it stays readable.
func Shorten(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
