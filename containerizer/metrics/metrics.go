package metrics

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mesos-docker-containerizer/containerizer/image"
)

// namespace is the prefix of all metrics except go_* and process_*.
const namespace = "mesos_docker_containerizer"

// Metrics are the metrics of one daemon. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	state    *state
	apps     apps
	up       atomic.Bool // whether the Engine answered the last call

	launches     *prometheus.CounterVec
	launchTime   prometheus.Histogram
	ended        *prometheus.CounterVec
	orphans      prometheus.Counter
	probes       *prometheus.CounterVec
	illKills     prometheus.Counter
	lost         prometheus.Counter
	removed      prometheus.Counter
	pulls        *prometheus.CounterVec
	pullTime     prometheus.Histogram
	pulledBytes  prometheus.Counter
	retries      prometheus.Counter
	joins        prometheus.Counter
	cached       prometheus.Counter
	collected    prometheus.Counter
	freedBytes   prometheus.Counter
	engineTime   *prometheus.HistogramVec
	engineErrors *prometheus.CounterVec
}

// New returns Metrics for a version of the daemon.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.apps.named = map[string]*app{others: newApp()}
	m.state = &state{apps: &m.apps}

	m.launches = m.counters("launches_total", "Launches of tasks, by outcome.", "outcome")
	m.launchTime = m.histogram("launch_duration_seconds", "Time from the acceptance of a task to the start of its container.",
		.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
	m.ended = m.counters("task_ends_total", "Ends of started tasks, by how they ended.", "how")
	m.orphans = m.counter("orphans_stopped_total", "Running containers that were stopped because their executors had died.")
	m.removed = m.counter("containers_removed_total", "Removed containers.")
	m.probes = m.counters("probes_total", "Probes of health checks of tasks, by result.", "result")
	m.illKills = m.counter("health_kills_total", "Running tasks that were killed because their health check failed too often.")
	m.lost = m.counter("output_losses_total", "Gaps in the output of tasks that cannot be filled any more, or that the output ends with.")

	m.pulls = m.counters("pulls_total", "Pulls that have ended, by outcome and fault. Tasks that share a pull count once.", "outcome", "fault")
	m.pullTime = m.histogram("pull_duration_seconds", "Duration of successful pulls, including waits for a slot and between tries.",
		.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
	m.pulledBytes = m.counter("pulled_bytes_total", "Bytes downloaded by pulls, as reported by the Docker Engine.")
	m.retries = m.counter("pull_retries_total", "Tries of pulls after the first.")
	m.joins = m.counter("pull_joins_total", "Tasks that joined the pull of another task.")
	m.cached = m.counter("pull_fallbacks_total", "Tasks that got the image on the host because its registry had an outage (pull_fallback=cached).")

	m.collected = m.counter("images_removed_total", "Images that the clean-up removed.")
	m.freedBytes = m.counter("images_removed_bytes_total", "Sizes of the images that the clean-up removed. They include layers that other images share, which stay.")

	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: "engine_up",
		Help: "1 if the Docker Engine answered the last call, else 0."}, func() float64 {
		if m.up.Load() {
			return 1
		}
		return 0
	}))
	m.engineTime = prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "engine_call_duration_seconds",
		Help:    "Duration of calls to the Docker Engine, by call. Calls that wait for a registry or for a container's end are left out; pulls have their own metric.",
		Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}}, []string{"call"})
	m.registry.MustRegister(m.engineTime)
	m.engineErrors = m.counters("engine_call_errors_total", "Failed calls to the Docker Engine, by call and kind of error.", "call", "kind")

	build := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "Always 1; the labels are the versions.",
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

// begin creates all series with known labels at 0, so that a rate includes the first increment.
func (m *Metrics) begin() {
	for _, outcome := range launchOutcomes {
		m.launches.WithLabelValues(string(outcome))
	}
	for _, how := range taskEnds {
		m.ended.WithLabelValues(string(how))
	}
	for _, result := range probeResults {
		m.probes.WithLabelValues(string(result))
	}
	for _, outcome := range pullOutcomes() {
		m.pulls.WithLabelValues(outcome.name, outcome.fault)
	}
}

const (
	// scrapeLimit bounds the time of a scrape.
	scrapeLimit = 5 * time.Second

	// maxScrapes bounds concurrent scrapes.
	maxScrapes = 4
)

// HandleAdmin serves GET /metrics in the Prometheus format that the client accepts, GET /healthz, which says that the daemon answers,
// and GET /readyz, which says whether tasks can start: else the status is 503 and the text the reason.
func (m *Metrics) HandleAdmin(mux *http.ServeMux) {
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: scrapeLimit}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if trouble := m.Trouble(); trouble != "" {
			http.Error(w, trouble, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

// Trouble is why no task can start at the moment; empty if tasks can.
func (m *Metrics) Trouble() string {
	if !m.up.Load() {
		return "the Docker Engine does not answer"
	}
	if ready := m.state.ready.Load(); ready == nil || !(*ready)() {
		return "the containers of the last daemon are not known yet"
	}
	return ""
}

var _ image.Observer = (*Metrics)(nil)

// pullOutcome is a pair of label values.
type pullOutcome struct{ name, fault string }

// Outcomes other than failures.
var (
	pullOK        = pullOutcome{"ok", "none"}
	pullCancelled = pullOutcome{"cancelled", "none"} // no task waited for it
)

func failedPull(k image.Kind) pullOutcome {
	if k.Fault() == image.User {
		return pullOutcome{k.String(), "task"}
	}
	return pullOutcome{k.String(), "host"}
}

// pullOutcomes returns all outcomes.
func pullOutcomes() []pullOutcome {
	all := []pullOutcome{pullOK, pullCancelled}
	for _, kind := range image.Kinds() {
		all = append(all, failedPull(kind))
	}
	return all
}

// PullEnded counts a pull by its error: nil, an *image.Error, or another error for a cancelled pull.
func (m *Metrics) PullEnded(err error, took time.Duration) {
	outcome := pullCancelled
	if failed, ok := errors.AsType[*image.Error](err); ok {
		outcome = failedPull(failed.Kind)
	}
	if err == nil {
		outcome = pullOK
		m.pullTime.Observe(took.Seconds())
	}
	m.pulls.WithLabelValues(outcome.name, outcome.fault).Inc()
}

// Downloaded counts the bytes of one try of a pull.
func (m *Metrics) Downloaded(bytes int64) { m.pulledBytes.Add(float64(bytes)) }

// PullRetried counts a try of a pull after the first.
func (m *Metrics) PullRetried() { m.retries.Inc() }

// PullJoined counts a task that joined a running pull.
func (m *Metrics) PullJoined() { m.joins.Inc() }

// CachedImageUsed counts a task that got the image on the host in place of the registry's.
func (m *Metrics) CachedImageUsed() { m.cached.Inc() }

// ImageRemoved counts an image that the clean-up removed, with its size.
func (m *Metrics) ImageRemoved(bytes int64) {
	m.collected.Inc()
	m.freedBytes.Add(float64(bytes))
}
