package dockercli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestContainerConfigIsCompleted(t *testing.T) {
	for _, tt := range []struct{ name, raw, want string }{
		{"there (Engine 20.10)",
			`{"Id": "sha256:1","ContainerConfig":{"Env":null,"Entrypoint":null,"Cmd":["a"]},"Config":{"Env":["A=b"]}}`,
			`{"Id": "sha256:1","ContainerConfig":{"Env":null,"Entrypoint":null,"Cmd":["a"]},"Config":{"Env":["A=b"]}}`},
		{"gone (API 1.45)",
			`{"Id":"sha256:1","New":{"z":1,"a":1.50},"Config":{"Env":["A=b"],"Entrypoint":["/x"]},"Size":12345678901234567890}`,
			`{"Id":"sha256:1","New":{"z":1,"a":1.50},"Config":{"Env":["A=b"],"Entrypoint":["/x"]},"Size":12345678901234567890,"ContainerConfig":{"Entrypoint":["/x"],"Env":["A=b"]}}`},
		{"gone, and Config leaves out what is empty (API 1.50)",
			`{"Id":"sha256:1","Config":{"Cmd":["sh"]}}`,
			`{"Id":"sha256:1","Config":{"Cmd":["sh"]},"ContainerConfig":{"Entrypoint":null,"Env":null}}`},
		{"null", `{"ContainerConfig":null,"Config":null}`, `{"ContainerConfig":{"Entrypoint":null,"Env":null},"Config":null}`},
		{"in part", `{"ContainerConfig":{"Env":[]}}`, `{"ContainerConfig":{"Env":[],"Entrypoint":null}}`},
	} {
		got, err := withContainerConfig(json.RawMessage(tt.raw))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	for _, raw := range []string{``, `[]`, `{`, `{"Config":3}`, `{"ContainerConfig":"x"}`, `{} {}`} {
		if got, err := withContainerConfig(json.RawMessage(raw)); err == nil {
			t.Errorf("%q becomes %s", raw, got)
		}
	}
}

// FuzzContainerConfig holds that whatever is an object comes out as one with the two fields and with all that it had.
func FuzzContainerConfig(f *testing.F) {
	f.Add(`{"Id":"sha256:1","Config":{"Env":["A=b"]}}`)
	f.Add(`{"a":1,"a":2,"ContainerConfig":{"Env":null}}`)
	f.Add(`{"ContainerConfig":{},"ContainerConfig":null}`)
	f.Fuzz(func(t *testing.T, raw string) {
		out, err := withContainerConfig(json.RawMessage(raw))
		if err != nil {
			return
		}
		var before map[string]json.RawMessage
		var after struct {
			ContainerConfig map[string]json.RawMessage
		}
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("%q becomes %q: %v", raw, out, err)
		}
		if err := json.Unmarshal([]byte(raw), &before); err != nil {
			t.Fatalf("%q was taken: %v", raw, err)
		}
		for _, name := range agentImageFields {
			if _, found := after.ContainerConfig[name]; !found && !strings.Contains(strings.ToLower(raw), "containerconfig") {
				t.Errorf("%q becomes %q, without %s", raw, out, name)
			}
		}
	})
}
