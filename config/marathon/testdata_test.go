package marathon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// exampleOffer is the offer the examples were made for: the uuid, the time and the ids are fixed in them.
func exampleOffer(t *testing.T, ports string) Offer {
	t.Helper()
	source, err := NewPorts(ports)
	if err != nil {
		t.Fatal(err)
	}
	return Offer{
		AgentID:      "5f0c1d6e-0000-4a6b-9d2c-1c1f7c5b0001-S0",
		Hostname:     "agent1.example",
		Ports:        source,
		InstanceUUID: "11111111-2222-11eb-8dcd-0242ac110002",
		Version:      time.Date(2021, 7, 27, 20, 40, 33, 0, time.UTC),
	}
}

// TestExamples builds the TaskInfo of every worked example and compares it, as JSON, with the one written beside it. Two things
// had to be arranged: each example gets an agent of its own (every one of them starts at port 31000), while the service ports are
// counted through all of them in the order of their files (10000 in the first, 10001 in 05, 10002 in 07).
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/[0-9][0-9]-*.json")
	if err != nil || len(files) != 11 {
		t.Fatalf("examples: %v, %v", files, err)
	}
	var earlier []*App // their service ports are taken
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var example struct {
				App      json.RawMessage `json:"app"`
				TaskInfo json.RawMessage `json:"taskinfo"`
			}
			if err := json.Unmarshal(data, &example); err != nil {
				t.Fatal(err)
			}
			apps, err := Parse(example.App)
			if err != nil {
				t.Fatal(err)
			}
			offer := exampleOffer(t, "2379-2380,8000-9000,31000-32000")
			earlier = append(earlier, &apps[0])
			if err := AssignServicePorts(earlier...); err != nil {
				t.Fatal(err)
			}
			offer.Ports.(*Ports).start = 31000 // the examples draw dynamic ports from the last range
			task, err := Build(apps[0], offer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(canonical(t, example.TaskInfo), canonical(t, marshal(t, task))); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

func marshal(t *testing.T, task mesos.TaskInfo) []byte {
	t.Helper()
	data, err := json.Marshal(&task)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// canonical decodes JSON and leaves out what says nothing: null, empty lists and objects, and the enum member UNKNOWN, which
// mesos-go writes for a type that is not set.
func canonical(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return prune(v)
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, element := range v {
			if element = prune(element); element == nil {
				delete(v, key)
			} else {
				v[key] = element
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	case string:
		if v == "UNKNOWN" {
			return nil
		}
	}
	return v
}
