package metrics

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace begins the name of each metric but those of the process and of Go, which have the same names in every program.
const namespace = "mesos_docker_containerizer"

// Metrics are the figures of one daemon. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	state    *state

	launches     *prometheus.CounterVec
	launchTime   prometheus.Histogram
	ended        *prometheus.CounterVec
	orphans      prometheus.Counter
	removed      prometheus.Counter
	pulls        *prometheus.CounterVec
	pullTime     prometheus.Histogram
	pulledBytes  prometheus.Counter
	retries      prometheus.Counter
	joins        prometheus.Counter
	cached       prometheus.Counter
	collected    prometheus.Counter
	freedBytes   prometheus.Counter
	engineUp     prometheus.Gauge
	engineTime   *prometheus.HistogramVec
	engineErrors *prometheus.CounterVec
}

// New returns the Metrics of a program of a version.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), state: &state{}}

	m.launches = m.counters("launches_total", "Launches of tasks that have ended, by how: started, or why not.", "outcome")
	m.launchTime = m.histogram("launch_duration_seconds", "Time from the acceptance of a task until its container ran.",
		.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
	m.ended = m.counters("task_ends_total", "Ends of tasks whose containers had been started, by how they ended.", "how")
	m.orphans = m.counter("orphans_stopped_total", "Running containers that were told to stop because nobody needed them any more: their executors had died.")
	m.removed = m.counter("containers_removed_total", "Containers that were removed.")

	m.pulls = m.counters("pulls_total", "Pulls that have ended, each counted once for all tasks that shared it, by how and by whose fault.", "outcome", "fault")
	m.pullTime = m.histogram("pull_duration_seconds", "Time that pulls took that brought their image, with the waits for their turn and between tries.",
		.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
	m.pulledBytes = m.counter("pulled_bytes_total", "Bytes that pulls have downloaded, as far as the Docker Engine tells.")
	m.retries = m.counter("pull_retries_total", "Tries of pulls after the first.")
	m.joins = m.counter("pull_joins_total", "Tasks that joined a pull that ran for another.")
	m.cached = m.counter("pull_fallbacks_total", "Tasks that got the image that was present because its registry had an outage (pull_fallback=cached).")

	m.collected = m.counter("images_removed_total", "Images that were cleaned up.")
	m.freedBytes = m.counter("images_removed_bytes_total", "Sizes of the images that were cleaned up. Layers that other images have too are counted, and stay.")

	m.engineUp = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "engine_up",
		Help: "Whether the Docker Engine answered the last call that was made to it."})
	m.registry.MustRegister(m.engineUp)
	m.engineTime = prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "engine_call_duration_seconds",
		Help:    "Time until the Docker Engine answered, or the call was given up, by call. Calls that end with a registry's answer or a container's life are left out; pulls have a metric of their own.",
		Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}}, []string{"call"})
	m.registry.MustRegister(m.engineTime)
	m.engineErrors = m.counters("engine_call_errors_total", "Calls to the Docker Engine that failed, by call and kind of error.", "call", "kind")

	build := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()}})
	build.Set(1)
	m.registry.MustRegister(build, m.state, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.begin()
	return m
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) histogram(name, help string, buckets ...float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
	m.registry.MustRegister(h)
	return h
}

// begin makes every series exist whose labels are known, so that a rate sees its first increment too.
func (m *Metrics) begin() {
	for _, outcome := range launchOutcomes {
		m.launches.WithLabelValues(string(outcome))
	}
	for _, how := range taskEnds {
		m.ended.WithLabelValues(string(how))
	}
	for _, outcome := range pullOutcomes() {
		m.pulls.WithLabelValues(outcome.name, outcome.fault)
	}
}

const (
	// scrapeLimit bounds an answer.
	scrapeLimit = 5 * time.Second

	// maxScrapes is how many are answered at once.
	maxScrapes = 4
)

// HandleAdmin answers GET /metrics, in whichever of Prometheus' formats is asked for.
func (m *Metrics) HandleAdmin(mux *http.ServeMux) {
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: scrapeLimit}))
}
