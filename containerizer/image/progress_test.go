package image

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/pkg/jsonmessage"
	"github.com/google/go-cmp/cmp"
)

// messages decodes a recorded stream, one message a line.
func messages(t testing.TB, lines string) []jsonmessage.JSONMessage {
	t.Helper()
	var list []jsonmessage.JSONMessage
	for s := bufio.NewScanner(strings.NewReader(lines)); s.Scan(); {
		var m jsonmessage.JSONMessage
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

func TestTally(t *testing.T) {
	tallied := newTally()
	for _, step := range []struct {
		name, lines string
		news        bool // of the last line
		want        Progress
	}{
		{"the image", `{"status":"Pulling from app","id":"v1"}`, true, Progress{Status: Asking}},
		{"the image again", `{"status":"Pulling from app","id":"v1"}`, false, Progress{Status: Asking}},
		{"a layer that is there", `{"status":"Already exists","progressDetail":{},"id":"c"}`, true,
			Progress{Status: Asking, Layers: 1, LayersDone: 1}},
		{"layers", `{"status":"Pulling fs layer","progressDetail":{},"id":"a"}
{"status":"Pulling fs layer","progressDetail":{},"id":"b"}
{"status":"Waiting","progressDetail":{},"id":"a"}`, true, Progress{Status: Downloading, Layers: 3, LayersDone: 1}},
		{"waiting", `{"status":"Waiting","progressDetail":{},"id":"b"}`, true, Progress{Status: Downloading, Layers: 3, LayersDone: 1}},
		{"a part", `{"status":"Downloading","progressDetail":{"current":10,"total":100},"progress":"[>]","id":"a"}`, true,
			Progress{Status: Downloading, Layers: 3, LayersDone: 1, BytesDone: 10, BytesTotal: 100}},
		{"the same part", `{"status":"Downloading","progressDetail":{"current":10,"total":100},"id":"a"}`, false,
			Progress{Status: Downloading, Layers: 3, LayersDone: 1, BytesDone: 10, BytesTotal: 100}},
		{"size unknown", `{"status":"Downloading","progressDetail":{"current":5,"total":-1},"id":"b"}`, true,
			Progress{Status: Downloading, Layers: 3, LayersDone: 1, BytesDone: 15, BytesTotal: 105}},
		{"again from the start", `{"status":"Retrying in 5 seconds","progressDetail":{},"id":"a"}
{"status":"Downloading","progressDetail":{"current":1,"total":100},"id":"a"}`, true,
			Progress{Status: Downloading, Layers: 3, LayersDone: 1, BytesDone: 6, BytesTotal: 105}},
		{"one downloaded", `{"status":"Download complete","progressDetail":{},"id":"a"}`, true,
			Progress{Status: Downloading, Layers: 3, LayersDone: 1, BytesDone: 105, BytesTotal: 105}},
		{"all downloaded", `{"status":"Verifying Checksum","progressDetail":{},"id":"b"}`, true,
			Progress{Status: Extracting, Layers: 3, LayersDone: 1, BytesDone: 105, BytesTotal: 105}},
		{"extracting", `{"status":"Extracting","progressDetail":{"current":40,"total":100},"id":"a"}`, true,
			Progress{Status: Extracting, Layers: 3, LayersDone: 1, BytesDone: 105, BytesTotal: 105, BytesExtracted: 40}},
		{"extracting by the clock", `{"status":"Extracting","progressDetail":{"current":7,"units":"s"},"id":"b"}`, true,
			Progress{Status: Extracting, Layers: 3, LayersDone: 1, BytesDone: 105, BytesTotal: 105, BytesExtracted: 40}},
		{"the clock goes on", `{"status":"Extracting","progressDetail":{"current":8,"units":"s"},"id":"b"}`, true,
			Progress{Status: Extracting, Layers: 3, LayersDone: 1, BytesDone: 105, BytesTotal: 105, BytesExtracted: 40}},
		{"ready", `{"status":"Pull complete","progressDetail":{},"id":"a"}
{"status":"Pull complete","progressDetail":{},"id":"b"}
{"status":"Digest: sha256:00"}`, true,
			Progress{Status: Complete, Layers: 3, LayersDone: 3, BytesDone: 105, BytesTotal: 105, BytesExtracted: 105}},
	} {
		news := false
		for _, m := range messages(t, step.lines) {
			news = tallied.observe(m)
		}
		if news != step.news {
			t.Errorf("%s: news is %v", step.name, news)
		}
		if diff := cmp.Diff(step.want, tallied.progress()); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
}

func TestProgressInWords(t *testing.T) {
	for _, tt := range []struct {
		p    Progress
		want string
	}{
		{Progress{}, "the start"},
		{Progress{Status: Asking}, "asking the registry"},
		{Progress{Status: Asking, Layers: 1, LayersDone: 1}, "asking the registry"},
		{Progress{Status: Downloading, Layers: 5, LayersDone: 2, BytesDone: 12_400_000, BytesTotal: 40_000_000},
			"downloading, 2 of 5 layers, 12.4MB of 40MB"},
	} {
		if got := tt.p.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func FuzzTally(f *testing.F) {
	f.Add([]byte(`{"status":"Downloading","progressDetail":{"current":10,"total":100},"id":"a"}{"status":"Extracting","progressDetail":{"current":7,"units":"s"},"id":"a"}`))
	f.Add([]byte(`{"status":"Downloading","progressDetail":{"current":-9223372036854775808,"total":9223372036854775807},"id":"a"}`))
	f.Add([]byte(`{"errorDetail":{"message":"x"},"error":"x"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, stream []byte) {
		tallied := newTally()
		for decoder := json.NewDecoder(strings.NewReader(string(stream))); ; {
			var m jsonmessage.JSONMessage
			if decoder.Decode(&m) != nil {
				return
			}
			tallied.observe(m)
			p := tallied.progress()
			if p.BytesDone < 0 || p.BytesDone > p.BytesTotal || p.BytesExtracted < 0 || p.BytesExtracted > p.BytesTotal ||
				p.LayersDone < 0 || p.LayersDone > p.Layers || p.Layers > maxLayers {
				t.Fatalf("%+v", p)
			}
			if tallied.observe(m) {
				t.Fatalf("%+v is news twice", m)
			}
		}
	})
}

func TestRate(t *testing.T) {
	start := time.Now()
	var m meter
	at := func(after time.Duration, bytes, want int64) {
		t.Helper()
		if got := m.observe(start.Add(after), bytes); got != want {
			t.Errorf("after %v: %d a second, want %d", after, got, want)
		}
	}
	at(0, 0, 0)
	at(500*time.Millisecond, 1000, 0) // too early to say
	at(time.Second, 1000, 1000)
	at(2*time.Second, 1000, 500)
	for n := time.Duration(3); n < 30; n++ {
		m.observe(start.Add(n*time.Second), 1000)
	}
	at(30*time.Second, 1000, 0) // what was long ago does not count
	at(31*time.Second, 12000, 1100)
	at(32*time.Second, 500, 0) // a layer begins anew
	at(34*time.Second, 4500, 2000)
}
