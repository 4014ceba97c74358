package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

const customExecutorDocument = "../../docs/custom-executor.md"

// examples returns the JSON blocks of the document.
func examples(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(customExecutorDocument)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, found := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, found[1])
	}
	return blocks
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return o
}

// payload is the document that an example carries in data, a label or a variable; "" if it has none.
func payload(t *testing.T, example map[string]any) string {
	t.Helper()
	if data, ok := example["data"].(string); ok {
		text, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, place := range []string{"labels", "env"} {
		if holder, ok := example[place].(map[string]any); ok {
			if text, ok := holder["DOCKER_CONTAINER"].(string); ok {
				return text
			}
		}
	}
	return ""
}

// TestDocumentedExamples runs every example of docs/custom-executor.md. Only what no machine but the reader's has is replaced:
// images, ports, ids and the executor's path. What an example carries must be what the text before it shows.
func TestDocumentedExamples(t *testing.T) {
	var shown map[string]any
	ran := 0
	for i, block := range examples(t) {
		example := object(t, block)
		isTask, isApp := example["task_id"] != nil, example["id"] != nil
		if !isTask && !isApp {
			shown = example
			continue
		}
		if carried := payload(t, example); carried == "" && shown != nil || carried != "" && !reflect.DeepEqual(object(t, carried), shown) {
			t.Errorf("example %d carries %q, the text shows %v", i, carried, shown)
		}
		shown = nil
		ran++
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			runExample(t, block)
		})
	}
	if ran != 4 {
		t.Errorf("%d examples were found to run, want 4", ran)
	}
}

func runExample(t *testing.T, block string) {
	free := somePort(t)
	id, port := unique(t), fmt.Sprint(free)
	replace := strings.NewReplacer(
		"busybox", environment.Busybox(t),
		"registry.example/app:7", environment.Image(t, testimage.Spec{Cmd: []string{"sh", "-c", `echo "$GREETING"; exec sleep 1000`}}),
		"/usr/libexec/mesos-docker-containerizer", installed,
		"/examples/web", "/"+id, "/examples/bridged", "/"+id, `"web.1"`, `"`+id+`"`, `"app.1"`, `"`+id+`"`,
		"31081", port, "31082", port, "31083", port,
	)
	if carried := payload(t, object(t, block)); object(t, block)["data"] != nil {
		block = strings.Replace(block, base64.StdEncoding.EncodeToString([]byte(carried)),
			base64.StdEncoding.EncodeToString([]byte(replace.Replace(carried))), 1)
	}
	p := start(t, "run", "--output=json", "--for=1s", fmt.Sprintf("--ports=%d-%d", free, free+20), file(t, replace.Replace(block)))
	p.wantStatus(exitOK)
	events := p.events()
	for name, got := range states(events) {
		if got != "STARTING RUNNING KILLING KILLED" {
			t.Errorf("states of %s are %s", name, got)
		}
	}
	var lines []string
	for _, e := range events {
		if e.Event == "output" {
			lines = append(lines, e.Stream+" "+e.Line)
		}
	}
	if want := "stdout hello from the example"; len(lines) != 1 || lines[0] != want {
		t.Errorf("the output is %q, want %q", lines, want)
	}
	nothingLeft(t, id)
}

// A Marathon app can name our executor only. What its document has wrong ends the task with the place of the mistake.
func TestMistakesOfACustomExecutorApp(t *testing.T) {
	for name, test := range map[string]struct{ place, document, want string }{
		"no JSON":     {"labels", `{"container": `, "unexpected end of JSON input (labels.DOCKER_CONTAINER)"},
		"unknown key": {"labels", `{"container": {"type": "DOCKER", "docker": {"imag": "x"}}}`, `/container/docker/imag: ContainerInfo.DockerInfo has no such field (labels.DOCKER_CONTAINER)`},
		"wrong type":  {"env", `{"container": {"type": "DOCKER", "docker": {"image": 7}}}`, "/container/docker/image: expected text (executor.command.environment.DOCKER_CONTAINER)"},
		"no image":    {"labels", `{"container": {"type": "DOCKER", "docker": {"image": ""}}}`, "no image is given (labels.DOCKER_CONTAINER.container.docker.image)"},
		"nothing":     {"env", "", "the task has no container"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := unique(t)
			app := map[string]any{"id": "/" + id, "executor": filepath.Join(installed, "mesos-docker-executor"), "cmd": "--logging_level=ERROR", "cpus": 0.1, "mem": 32}
			if test.document != "" {
				app[test.place] = map[string]string{"DOCKER_CONTAINER": test.document}
			}
			text, err := json.Marshal(app)
			if err != nil {
				t.Fatal(err)
			}
			p := start(t, "run", "--output=json", file(t, string(text)))
			p.wantStatus(exitFailed)
			events := p.events()
			if last := events[len(events)-1]; last.State != "TASK_FAILED" || !strings.Contains(last.Message, test.want) {
				t.Errorf("the task ends as %s, %q; want %q", last.State, last.Message, test.want)
			}
			nothingLeft(t, id)
		})
	}
}

// Marathon puts the container of such an app into the executor, where it does not belong.
func TestContainerOfTheExecutor(t *testing.T) {
	id := unique(t)
	p := start(t, "run", "--output=json", file(t, shell(t, id, "--logging_level=ERROR", fmt.Sprintf(`, "executor": %q`, filepath.Join(installed, "mesos-docker-executor")))))
	p.wantStatus(exitFailed)
	events := p.events()
	if last := events[len(events)-1]; last.State != "TASK_FAILED" || !strings.Contains(last.Message, "(executor.container)") || !strings.Contains(last.Message, "DOCKER_CONTAINER") {
		t.Errorf("the task ends as %s, %q", last.State, last.Message)
	}
	nothingLeft(t, id)
}

// An executor that is not there ends its task, as on an agent, and the reason is in the output.
func TestExecutorThatIsNotThere(t *testing.T) {
	id := unique(t)
	p := start(t, "run", file(t, fmt.Sprintf(`{"id": "/%s", "executor": "/no/such/executor", "cmd": "x", "cpus": 0.1, "mem": 32}`, id)))
	p.wantStatus(exitFailed)
	for _, want := range []string{"TASK_FAILED", "/no/such/executor"} {
		if !strings.Contains(p.out(), want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	nothingLeft(t, id)
}
