package runspec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// typeOf returns the type a pointer points to.
func typeOf(pointer any) reflect.Type { return reflect.TypeOf(pointer).Elem() }

// knownKeys walks a decoded JSON document beside the type it is meant for and names the first key that the type does not
// have. It looks at keys only; whether the values fit is for the decoder.
func knownKeys(value any, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case map[string]any:
		switch t.Kind() {
		case reflect.Map:
			for key, element := range v {
				if err := knownKeys(element, t.Elem(), join(path, key)); err != nil {
					return err
				}
			}
		case reflect.Struct:
			if reflect.PointerTo(t).Implements(textUnmarshaler) {
				return nil
			}
			return knownFields(v, t, path)
		}
	case []any:
		if t.Kind() != reflect.Slice {
			return nil
		}
		for i, element := range v {
			if err := knownKeys(element, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// knownFields is knownKeys for an object that is meant for a struct.
func knownFields(object map[string]any, t reflect.Type, path string) error {
	fields := make(map[string]reflect.Type, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = t.Field(i).Type
		}
	}
	for key, element := range object {
		field, known := fields[key]
		if !known {
			name, err := json.Marshal(join(path, key))
			if err != nil {
				return fmt.Errorf("unknown key: %w", err)
			}
			return fmt.Errorf("unknown key %s", name)
		}
		if err := knownKeys(element, field, join(path, key)); err != nil {
			return err
		}
	}
	return nil
}

// join appends a key to the path of a document.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
