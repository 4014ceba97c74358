package strictjson

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// document has every kind of field. Its tags are those of generated messages.
type document struct {
	Text    string            `json:"text" protobuf:"bytes,1,req,name=text"`
	Pointer *document         `json:"pointer,omitempty"`
	List    []document        `json:"list,omitempty"`
	Map     map[string]int32  `json:"map,omitempty"`
	Bytes   []byte            `json:"bytes,omitempty"`
	Flag    *bool             `json:"flag,omitempty"`
	Share   float64           `json:"share,omitempty"`
	Port    uint16            `json:"port,omitempty"`
	Address netip.Addr        `json:"address,omitzero"`
	Raw     []json.RawMessage `json:"raw,omitempty"`
	Hidden  string            `json:"-"`
	Kind    mesos.TaskState   `json:"kind,omitempty"`
	Task    *mesos.TaskStatus `json:"task,omitempty"`
}

func TestCheck(t *testing.T) {
	long := strings.Repeat("ä", 60)
	for _, test := range []struct {
		data string
		want []string
	}{
		{`{"text": "x", "pointer": {"text": "y"}, "list": [{}], "map": {"a": -1}, "bytes": "aGk=", "flag": true, "share": 1, "port": 65535,
			"address": "192.0.2.1", "raw": [1, {"any": "thing"}], "kind": "TASK_RUNNING", "task": {"task_id": {"value": "x"}, "state": "TASK_LOST"}}`, nil},
		{`null`, nil},
		{`{"text": null, "pointer": null, "list": null, "list": [null], "map": {"a": null}, "port": null}`, nil},
		{`[]`, []string{"document: expected an object"}},
		{`7`, []string{"document: expected an object"}},
		{`{"text": 7, "pointer": [], "list": {}, "map": [], "bytes": "%", "flag": "true", "share": "1", "port": 65536, "kind": "TASK_DONE"}`, []string{
			"/bytes: expected text in base64", "/flag: expected true or false", "/kind: expected a name of TaskState", "/list: expected a list",
			"/map: expected an object", "/pointer: expected an object", "/port: expected a whole number of 0 or more that fits into 16 bits",
			"/share: expected a number", "/text: expected text"}},
		{`{"list": [{"text": "x"}, {"txt": 1}], "map": {"a/b~c": 1.5}}`, []string{
			"/list/1/txt: document has no such field", "/map/a~1b~0c: expected a whole number that fits into 32 bits"}},
		{`{"Text": "x", "hidden": "", "-": 1}`, []string{
			"/-: document has no such field", "/Text: document has no such field", "/hidden: document has no such field"}},
		{`{"task": {"container_status": {"network_infos": [{"ip": 1}]}}}`, []string{
			"/task/container_status/network_infos/0/ip: NetworkInfo has no such field"}},
		{`{"a\nb": 1}`, []string{`"/a\nb": document has no such field`}},
		{`{"` + long + `": 1}`, []string{"/" + strings.Repeat("ä", 40) + "…: document has no such field"}},
		{`{"address": "here"}`, []string{"/address: expected text for Addr"}},
	} {
		var got []string
		for _, m := range Check[document]([]byte(test.data), Options{}) {
			got = append(got, m.Error())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n got %q\nwant %q", test.data, got, test.want)
		}
	}
}

func TestRequired(t *testing.T) {
	data := []byte(`{"pointer": {}, "list": [{"text": null}, {"text": ""}], "task": {"task_id": {}, "state": "TASK_LOST"}}`)
	var got []string
	for _, m := range Check[document](data, Options{Required: func(path string) bool { return path != "/pointer/text" }}) {
		got = append(got, m.Error())
	}
	if want := []string{"/text: is required", "/list/0/text: is required", "/task/task_id/value: is required"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTypeOfTheCaller(t *testing.T) {
	got := Check[struct {
		Known int `json:"known"`
	}]([]byte(`{"other": 1}`), Options{})
	if len(got) != 1 || got[0].Error() != "/other: unknown key" {
		t.Errorf("got %v", got)
	}
}

// What Check passes, the decoder takes; and no mistake has a line of its own making.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"text": "x", "list": [{}], "map": {"a": 1}}`, `{"raw": [1], "bytes": "aGk=", "address": "::1"}`, `{"port": -1, "\u0000": {}}`, `[[]]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		mistakes := Check[document](data, Options{})
		for _, m := range mistakes {
			if strings.ContainsAny(m.Error(), "\n\r\x00\x1b") {
				t.Errorf("%q is not one line", m.Error())
			}
		}
		var into document
		if err := json.Unmarshal(data, &into); mistakes == nil && err != nil {
			t.Errorf("%s was passed and cannot be decoded: %v", data, err)
		}
	})
}
