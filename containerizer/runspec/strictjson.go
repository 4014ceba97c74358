package runspec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

var (
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
)

// typeOf returns the type a pointer points to.
func typeOf(pointer any) reflect.Type { return reflect.TypeOf(pointer).Elem() }

// fits holds a JSON document against the type it is meant for and names the first key that the type does not have, or the path
// of the first value that is not what the type takes. It never names a value, which may be secret.
func fits(data json.RawMessage, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	bytes := t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
	switch {
	case string(data) == "null":
		return nil
	case t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(textUnmarshaler):
		return fieldsFit(data, t, path)
	case t.Kind() == reflect.Slice && !bytes:
		var elements []json.RawMessage
		if json.Unmarshal(data, &elements) != nil {
			return mismatch(path, "a list")
		}
		for i, element := range elements {
			if err := fits(element, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case t.Kind() == reflect.Map:
		var elements map[string]json.RawMessage
		if json.Unmarshal(data, &elements) != nil {
			return mismatch(path, "an object")
		}
		for _, key := range slices.Sorted(maps.Keys(elements)) {
			if err := fits(elements[key], t.Elem(), join(path, key)); err != nil {
				return err
			}
		}
	case json.Unmarshal(data, reflect.New(t).Interface()) != nil:
		return mismatch(path, expectation(t, bytes))
	}
	return nil
}

// fieldsFit is fits for an object that is meant for a struct.
func fieldsFit(data json.RawMessage, t reflect.Type, path string) error {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return mismatch(path, "an object")
	}
	fields := make(map[string]reflect.Type, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = t.Field(i).Type
		}
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		field, known := fields[key]
		if !known {
			name, err := json.Marshal(join(path, key))
			if err != nil {
				return fmt.Errorf("unknown key: %w", err)
			}
			return fmt.Errorf("unknown key %s", name)
		}
		if err := fits(object[key], field, join(path, key)); err != nil {
			return err
		}
	}
	return nil
}

// mismatch says what a value should be.
func mismatch(path, expected string) error {
	if path == "" {
		return fmt.Errorf("expected %s", expected)
	}
	return fmt.Errorf("%s: expected %s", path, expected)
}

// expectation says in words what a scalar type takes. Types with a decoder of their own are the enumerations.
func expectation(t reflect.Type, bytes bool) string {
	if bytes {
		return "text in base64"
	}
	if reflect.PointerTo(t).Implements(jsonUnmarshaler) {
		return "a name of " + strings.ReplaceAll(t.Name(), "_", ".")
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number in its range"
}

// join appends a key to the path of a document.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
