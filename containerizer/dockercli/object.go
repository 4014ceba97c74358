package dockercli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
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
	if i := o.index(name); i >= 0 && string(o[i].value) != "null" {
		return o[i].value
	}
	return nil
}

// index returns the place of a member, even if it is null, and -1 for none.
func (o object) index(name string) int {
	return slices.IndexFunc(o, func(m member) bool { return m.name == name })
}

// set replaces the value of a member, or appends the member.
func (o *object) set(name string, value json.RawMessage) {
	if i := o.index(name); i >= 0 {
		(*o)[i].value = value
		return
	}
	*o = append(*o, member{name: name, value: value})
}
