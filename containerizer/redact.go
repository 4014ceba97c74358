package containerizer

import (
	"bytes"
	"encoding/json"
	"strings"
)

// hiddenValue stands for the value of a variable.
const hiddenValue = "…"

// withoutValues returns the text of an inspect with the names of the container's variables and not their values.
func withoutValues(inspect []byte) (json.RawMessage, error) {
	var object map[string]any
	d := json.NewDecoder(bytes.NewReader(inspect))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		return nil, err
	}
	if config, ok := object["Config"].(map[string]any); ok {
		if variables, ok := config["Env"].([]any); ok {
			for i, v := range variables {
				text, _ := v.(string)
				name, _, _ := strings.Cut(text, "=")
				variables[i] = name + "=" + hiddenValue
			}
		}
	}
	return json.Marshal(object)
}
