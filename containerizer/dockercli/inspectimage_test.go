package dockercli

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// imagesOfEngines are image inspects as Engines answer them, in the parts that matter.
var imagesOfEngines = map[string]string{
	"Engine 20.10":                  `{"Id": "sha256:1","ContainerConfig":{"Env":null,"Entrypoint":null,"Cmd":["a"]},"Config":{"Env":["A=b"],"Entrypoint":null}}`,
	"no ContainerConfig (API 1.45)": `{"Id":"sha256:1","New":{"z":1,"a":1.50},"Config":{"Env":["A=b"],"Entrypoint":["/x"]},"Size":12345678901234567890}`,
	"nothing empty (API 1.50)":      `{"Id":"sha256:1","Config":{"Cmd":["sh"]}}`,
	"null":                          `{"ContainerConfig":null,"Config":null}`,
	"Env null":                      `{"ContainerConfig":{"Env":null},"Config":{"Env":null}}`,
	"no Config":                     `{"ContainerConfig":{"Env":["A=b"]}}`,
	"none":                          `{"Id":"sha256:1"}`,
	"a variable twice":              `{"Config":{"Env":["A=1","B=2","A=3"]},"ContainerConfig":{"Env":["A=1","A=1"],"Entrypoint":[]}}`,
	"a variable without a value":    `{"Config":{"Env":["A","B=2"],"Entrypoint":["/x"]}}`,
}

func TestImageIsCompleted(t *testing.T) {
	want := map[string]string{
		"Engine 20.10":                  imagesOfEngines["Engine 20.10"],
		"no ContainerConfig (API 1.45)": `{"Id":"sha256:1","New":{"z":1,"a":1.50},"Config":{"Env":["A=b"],"Entrypoint":["/x"]},"Size":12345678901234567890,"ContainerConfig":{"Entrypoint":["/x"],"Env":["A=b"]}}`,
		"nothing empty (API 1.50)":      `{"Id":"sha256:1","Config":{"Cmd":["sh"],"Entrypoint":null,"Env":null},"ContainerConfig":{"Entrypoint":null,"Env":null}}`,
		"null":                          `{"ContainerConfig":{"Entrypoint":null,"Env":null},"Config":{"Entrypoint":null,"Env":null}}`,
		"Env null":                      `{"ContainerConfig":{"Env":null,"Entrypoint":null},"Config":{"Env":null,"Entrypoint":null}}`,
		"no Config":                     `{"ContainerConfig":{"Env":["A=b"],"Entrypoint":null},"Config":{"Entrypoint":null,"Env":["A=b"]}}`,
		"none":                          `{"Id":"sha256:1","Config":{"Entrypoint":null,"Env":null},"ContainerConfig":{"Entrypoint":null,"Env":null}}`,
		"a variable twice":              `{"Config":{"Env":["B=2","A=3"],"Entrypoint":[]},"ContainerConfig":{"Env":["A=1"],"Entrypoint":[]}}`,
		"a variable without a value":    `{"Config":{"Env":["B=2"],"Entrypoint":["/x"]},"ContainerConfig":{"Entrypoint":["/x"],"Env":["B=2"]}}`,
	}
	for name, raw := range imagesOfEngines {
		got, err := completeImage(json.RawMessage(raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want[name], string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, raw := range []string{``, `[]`, `{`, `{"Config":3}`, `{"ContainerConfig":"x"}`, `{} {}`} {
		if got, err := completeImage(json.RawMessage(raw)); err == nil {
			t.Errorf("%q becomes %s", raw, got)
		}
	}
}

// FuzzCompleteImage holds that whatever is an object comes out as one with all four members, and stays so a second time.
func FuzzCompleteImage(f *testing.F) {
	for _, raw := range imagesOfEngines {
		f.Add(raw)
	}
	f.Add(`{"a":1,"a":2,"ContainerConfig":{"Env":null}}`)
	f.Add(`{"ContainerConfig":{},"ContainerConfig":null}`)
	f.Fuzz(func(t *testing.T, raw string) {
		out, err := completeImage(json.RawMessage(raw))
		if err != nil {
			return
		}
		var after object
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("%q becomes %q: %v", raw, out, err)
		}
		for _, name := range []string{"Config", "ContainerConfig"} {
			var config object
			if err := json.Unmarshal(after.at(name), &config); err != nil || config.index("Entrypoint") < 0 || config.index("Env") < 0 {
				t.Errorf("%q becomes %q: %s, %v", raw, out, name, err)
			}
		}
		if again, err := completeImage(out); err != nil || string(again) != string(out) {
			t.Errorf("%q becomes %q and then %q, %v", raw, out, again, err)
		}
	})
}
