package marathon

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mesos-docker-containerizer/config/nearest"
	"mesos-docker-containerizer/internal/strictjson"
)

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
	switch {
	case v.raw[0] == '"' && json.Unmarshal(v.raw, &s) == nil:
	case v.doc.strict, v.raw[0] == '{', v.raw[0] == '[':
		v.expected("a string")
		return absent
	default:
		v.doc.tolerate(v.path, asOldest, "expected a string, found %s", v.kind())
		s = string(v.raw)
	}
	if strings.ContainsRune(s, 0) {
		v.mistake("contains a NUL character, which no process, path or variable can carry")
		return absent
	}
	return s
}

// nonEmpty reads a text that is not empty if it is there. The advice follows the mistake.
func (v value) nonEmpty(advice string) string {
	s := v.str("")
	if string(v.raw) == `""` {
		v.mistake("must not be empty%s", advice)
	}
	return s
}

// ifPresent is what a reader makes of a value, nil if the value is absent.
func ifPresent[T any](v value, read func(value) T) *T {
	if !v.present() {
		return nil
	}
	return new(read(v))
}

func (v value) boolean(absent bool) bool {
	if !v.present() {
		return absent
	}
	var b bool
	if json.Unmarshal(v.unquoted("true or false", regexpBoolean), &b) != nil {
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
	text := string(v.unquoted("a number", regexpNumber))
	if strings.ContainsRune(`{["tf`, rune(text[0])) {
		v.expected("a number")
		return absent
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		v.mistake("%s is beyond the range of a number", strictjson.Shorten(text))
		return absent
	}
	if f < least {
		v.mistake("%s is too small: at least %v", strictjson.Shorten(text), least)
		return absent
	}
	return f
}

// asOldest is what becomes of a value of a type that later versions refused.
const asOldest = "; taken as one, as by Marathon 0.7"

// What unquoted looks for, as JSON writes it.
var (
	regexpNumber  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	regexpBoolean = regexp.MustCompile(`^(true|false)$`)
)

// unquoted is the value's JSON; without its quotes if it is a string that holds what is wanted and the document need not be strict.
func (v value) unquoted(wanted string, form *regexp.Regexp) []byte {
	var inside string
	if v.doc.strict || v.raw[0] != '"' || json.Unmarshal(v.raw, &inside) != nil || !form.MatchString(inside) {
		return v.raw
	}
	v.doc.tolerate(v.path, asOldest, "expected %s, found a string", wanted)
	return []byte(inside)
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
		v.mistake("%s is not a whole number", strictjson.Shorten(string(v.raw)))
		return absent
	case f < float64(least) || f > float64(most):
		v.mistake("%s is out of range: accepted are %d to %d", strictjson.Shorten(string(v.raw)), least, most)
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
	v.mistake("%q is unknown: accepted are %s", strictjson.Shorten(s), strings.Join(accepted, ", "))
	return absent
}

// list yields the elements of a list, which may be anything but null, until enough mistakes are known.
func (v value) list() iter.Seq[value] {
	return func(yield func(value) bool) {
		if !v.present() {
			return
		}
		if v.raw[0] != '[' {
			v.expected("a list")
			return
		}
		for i, raw := range elements(v.raw) {
			if v.doc.full() {
				return
			}
			element := value{doc: v.doc, path: strictjson.Join(v.path, strconv.Itoa(i)), raw: raw}
			if string(raw) == "null" {
				element.mistake("null is not accepted here")
				element.raw, element.broken = nil, true
			}
			if !yield(element) {
				return
			}
		}
	}
}

func (v value) strings() []string {
	var all []string
	for element := range v.list() {
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
	if v.doc.repeated {
		o.members = lastOfEach(o.members)
	}
	return o
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
	v := value{doc: o.doc, path: strictjson.Join(o.path, key), broken: o.broken}
	for _, m := range o.members {
		if m.key == key {
			v.raw = m.raw
		}
	}
	return v
}

// fields yields all keys with their values, in the document's order. It makes none known.
func (o *object) fields() iter.Seq2[string, value] {
	return func(yield func(string, value) bool) {
		for _, m := range o.members {
			if !yield(m.key, value{doc: o.doc, path: strictjson.Join(o.path, m.key), raw: m.raw}) {
				return
			}
		}
	}
}

// peek returns a field of the object that the value may be, without a mistake if the value is no object.
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
	for key, v := range o.fields() {
		if o.doc.full() {
			return
		}
		if !o.known[key] {
			o.doc.tolerate(v.path, "; ignored, as by Marathon", "unknown key%s", o.advice(key))
		}
	}
}

// advice says what an unknown key may have been meant for.
func (o *object) advice(key string) string {
	if place := o.doc.placeOf(key); place != "" {
		return "; its place is " + place
	}
	if near := nearest.Name(key, slices.Collect(maps.Keys(o.known))); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// lastOfEach keeps the last of the members with the same key, as Marathon did.
func lastOfEach(all []member) []member {
	last := map[string]int{}
	for i, m := range all {
		last[m.key] = i
	}
	var kept []member
	for i, m := range all {
		if last[m.key] == i {
			kept = append(kept, m)
		}
	}
	return kept
}

// textMap reads an object whose keys are free and whose values are strings, in the document's order.
func (v value) textMap() []pair {
	var all []pair
	for key, element := range v.object().fields() {
		switch {
		case !element.present():
			element.mistake("null is not accepted here")
		case strings.ContainsRune(key, 0):
			element.mistake("the key contains a NUL character")
		default:
			all = append(all, pair{key, element.str("")})
		}
	}
	return all
}

// pair is an entry of a string map whose order is kept.
type pair struct{ key, value string }
