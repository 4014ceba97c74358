package containerizer

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/containerizer/statuspage"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

func pageOf(s *Server) http.Handler {
	return statuspage.New(statuspage.Options{Facts: s.Status, Settings: func() []statuspage.Setting { return nil }, Version: "1.2", Host: "agent1"})
}

// seen is the page, without what stands above its body.
func seen(t testing.TB, from http.Handler) string {
	t.Helper()
	answer := httptest.NewRecorder()
	from.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	_, page, _ := strings.Cut(answer.Body.String(), "</style>")
	return page
}

// awaitPage waits until the page has all of some texts and nothing of another.
func (h *host) awaitPage(without string, with ...string) (page string) {
	h.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for {
		page = seen(h.t, pageOf(h.server))
		missing := without != "" && strings.Contains(page, without)
		for _, text := range with {
			missing = missing || !strings.Contains(page, text)
		}
		if !missing {
			return page
		}
		select {
		case <-ticker.C:
		case <-deadline:
			h.t.Fatalf("the page has %q, or lacks one of %q:\n%s", without, with, page)
		}
	}
}

// A task comes, is there while the Engine hangs, and goes with its failure, which the next daemon shows, too. Its name, its app and
// its health check are text, and nothing of its environment, its parameters and its arguments is shown.
func TestStatusPageOfATask(t *testing.T) {
	h, engine := newFailingHost(t)
	h.stop()
	records := t.TempDir()
	h.options.Records = record.NewStore(records, h.options.Logger)
	h.start()
	h.awaitPage("", "There are none.", "There were none in the last 24 hours.")

	const hostile, secret = `<script>alert("1")</script>`, "swordfish"
	e := h.newExecutor()
	app, word := "/shop/"+hostile, secret
	task := dockerTask(t, environment.Busybox(t), "echo "+secret+"; sleep 1000")
	task.TaskID.Value = hostile
	task.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{{Name: "MARATHON_APP_ID", Value: &app}, {Name: "PASSWORD", Value: &word}}}
	task.Container.Docker.Parameters = []mesos.Parameter{{Key: "label", Value: "word=" + secret}}
	task.Resources = append(task.Resources, mesos.Resource{Name: "ports", Type: mesos.RANGES.Enum(), Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 31000, End: 31001}}}})
	probe := "echo '" + hostile + "'; exit 1"
	task.HealthCheck = &mesos.HealthCheck{Type: mesos.HealthCheck_COMMAND, Command: &mesos.CommandInfo{Value: &probe}, DelaySeconds: new(0.0), IntervalSeconds: new(0.1), GracePeriodSeconds: new(0.0)}
	e.launch(task)
	e.awaitRunning()
	text := html.EscapeString(hostile)
	h.awaitPage("", "<b>1</b> <span>running", `<span class="bad">unhealthy</span>`, "/shop/"+text, "<bdi>"+text+"</bdi>", "31000-31001", "of 32MiB", `<rect class="used"`, `<rect class="create"`)

	engine.Fault(fakeengine.Hang, "", ".*", 1000)
	h.awaitPage("", "<b>1</b> <span>running", "<bdi>"+text+"</bdi>")
	engine.Mend()
	engine.Release()

	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now(), Unhealthy: true, Why: "its health check failed: " + hostile}})
	e.awaitExit()
	e.done()
	h.awaitNoContainers()
	gone := h.awaitPage("of 32MiB", "<b>0</b> <span>running", text+" killed, ", "its health check failed: "+text, "the last failed probes (COMMAND)", "<dt>do<dd>")
	h.options.Records = record.NewStore(records, h.options.Logger)
	h.restart()
	again := h.awaitPage("", text+" killed, ")
	for _, page := range []string{gone, again} {
		if strings.Contains(page, secret) || strings.Contains(page, "<script") {
			t.Errorf("the page shows what it must not:\n%s", page)
		}
	}
	engine.Away()
	h.awaitPage("", "No task can start at the moment:</b> the Docker Engine does not answer")
	engine.Back()
}

// viewMany returns the processor time of the cheapest of some views of the server's page, which shows the memory of each of its tasks.
func viewMany(t *testing.T, s *Server) (least time.Duration) {
	t.Helper()
	page := pageOf(s)
	least = time.Hour
	for range 20 {
		began := processorTime(t)
		text := seen(t, page)
		least = min(least, processorTime(t)-began)
		if n := strings.Count(text, `4KiB<span class="dim"> of 32MiB`); n != len(s.named) {
			t.Fatalf("%d tasks with memory", n)
		}
	}
	return least
}

func BenchmarkViewOf300Tasks(b *testing.B) {
	for version := 1; version <= 2; version++ {
		b.Run(fmt.Sprint("cgroup-v", version), func(b *testing.B) {
			page := pageOf(withTasks(b, version, 300, 0))
			for b.Loop() {
				seen(b, page)
			}
		})
	}
}
