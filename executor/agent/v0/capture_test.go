package v0

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// captures are recordings of a real agent (1.12-dev) with the stock executor.
var captures = []string{"v0-finish", "v0-shutdown", "v0-agent-restart"}

// recording has one row per TCP segment or connection event.
type recording struct {
	What      string
	AgentPort int `json:"agent_port"`
	Rows      []row
}

type row struct {
	Connection int
	FromPort   int `json:"from_port"`
	ToPort     int `json:"to_port"`
	Event      string
	Data       []byte `json:"base64"`
	Request    string
}

func recorded(t testing.TB, name string) *recording {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	must(t, err)
	r := new(recording)
	must(t, json.Unmarshal(content, r))
	if len(r.Rows) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return r
}
