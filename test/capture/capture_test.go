package capture

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAgentRestartTellsTheWholeSession(t *testing.T) {
	session, err := AgentRestart()
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, step := range session.Steps() {
		line := string(step.Kind)
		switch step.Kind {
		case Call:
			line += " " + step.Exchange.Call.Type.String()
			if u := step.Exchange.Call.Update; u != nil {
				line += " " + u.Status.GetState().String()
			}
		case Answer:
			line += fmt.Sprintf(" %d", step.Exchange.Code)
		case StreamSent:
			line += " " + step.Event.Event.Type.String()
		}
		if len(told) > 0 && line == string(Refused) && told[len(told)-1] == line {
			continue
		}
		told = append(told, line)
	}
	want := []string{
		"refused",
		"call SUBSCRIBE", "answer 200", "event SUBSCRIBED", "event LAUNCH",
		"call UPDATE TASK_RUNNING", "answer 202", "event ACKNOWLEDGED",
		"agent gone", "refused",
		"call SUBSCRIBE", "answer 200", "event SUBSCRIBED",
		"event KILL",
		"call UPDATE TASK_KILLED", "answer 202", "event ACKNOWLEDGED",
		"event SHUTDOWN", "client gone",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, recording := range map[string]string{
		"no JSON":       `rows`,
		"unknown event": `{"agent_port":1,"rows":[{"event":"jump"}]}`,
		"no HTTP":       `{"agent_port":1,"rows":[{"event":"data","from_port":2,"to_port":1,"base64":"AAAA"}]}`,
		"no response": `{"agent_port":1,"rows":[{"event":"data","from_port":2,"to_port":1,` +
			`"base64":"UE9TVCAvIEhUVFAvMS4xDQpIb3N0OiBhDQpDb250ZW50LUxlbmd0aDogMg0KDQp7fQ=="}]}`,
	} {
		if _, err := Parse(strings.NewReader(recording)); err == nil {
			t.Errorf("%s: Parse succeeded", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(agentRestart)
	f.Add([]byte(`{"agent_port":1,"rows":[{"event":"connect"},{"event":"reset"}]}`))
	f.Fuzz(func(t *testing.T, recording []byte) {
		session, err := Parse(bytes.NewReader(recording))
		if err != nil {
			return
		}
		steps := session.Steps()
		for i := 1; i < len(steps); i++ {
			if steps[i].Time < steps[i-1].Time {
				t.Fatalf("step %d is earlier than the one before it", i)
			}
		}
	})
}
