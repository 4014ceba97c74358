package dockercli

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// object is a JSON object with ordered members, so that unchanged members come out as the Engine wrote them.
type object []member

type member struct {
	name  string
	value json.RawMessage
}

// UnmarshalJSON parses an object. Null is an empty object.
func (o *object) UnmarshalJSON(content []byte) error {
	*o = nil
	decoder := json.NewDecoder(bytes.NewReader(content))
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("want a JSON object, not one that begins with %v", token)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		m := member{name: name.(string)} // the decoder takes nothing else for a name
		if err := decoder.Decode(&m.value); err != nil {
			return err
		}
		*o = append(*o, m)
	}
	_, err = decoder.Token()
	return err
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(m.value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// at returns the value of a member, nil if it is absent or null.
func (o object) at(name string) json.RawMessage {
	for _, m := range o {
		if m.name == name && string(m.value) != "null" {
			return m.value
		}
	}
	return nil
}

// has reports whether there is a member, even if it is null.
func (o object) has(name string) bool {
	for _, m := range o {
		if m.name == name {
			return true
		}
	}
	return false
}

// set replaces the value of a member, or appends the member.
func (o *object) set(name string, value json.RawMessage) {
	for i := range *o {
		if (*o)[i].name == name {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, member{name: name, value: value})
}
