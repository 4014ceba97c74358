package metrics

import (
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// Health is what the last probe of a task's health check has found.
type Health string

// The values of Health. A task without a health check has none.
const (
	HealthUnknown Health = "unknown" // nothing was probed since this daemon knows the task
	Healthy       Health = "healthy"
	Unhealthy     Health = "unhealthy"
)

var healths = []Health{HealthUnknown, Healthy, Unhealthy}

// ProbeResult is what became of a probe of a health check.
type ProbeResult string

// The results.
const (
	ProbeOK         ProbeResult = "ok"
	ProbeFailed     ProbeResult = "failed"
	ProbeNotCounted ProbeResult = "not_counted" // not by the task's fault: the Engine could not carry it out, or the container has ended
)

var probeResults = []ProbeResult{ProbeOK, ProbeFailed, ProbeNotCounted}

// Usage is what a running task uses and has used since its start. Bytes, but for CPU and PIDs.
type Usage struct {
	MemoryLimit, Memory, MemoryPeak int64 // the limit is zero for none
	PIDs                            int64

	CPU             time.Duration
	Received, Sent  int64
	Read, Written   int64
	KilledForMemory int64 // processes
}

// others is the label of the tasks that have no app of their own in the metrics.
const others = "other"

// maxAppBytes bounds the part of an app's name that is shown, before it is escaped.
const maxAppBytes = 100

// apps are the metrics of apps. The instances of an app share its series; counters go on from one instance to the next.
type apps struct {
	mu    sync.Mutex // guards what follows
	limit int        // of apps beside the others; 0 for no metrics of apps
	named map[string]*app
}

// app counts the tasks of one app.
type app struct {
	tasks  map[*AppTask]bool // that run
	idle   time.Time         // since when there is none
	used   Usage             // of which the counters alone are kept here
	starts int
	probes map[ProbeResult]int

	checked bool // whether a task of it had a health check
}

// AppTask is a running task. Its methods may be called on nil, and by any goroutine.
type AppTask struct {
	metrics *Metrics
	app     *app // nil without metrics of apps

	// Guarded by the mutex of apps.
	now    Usage
	health Health
}

// ShowApps has the usage of tasks shown by app, of at most so many apps; the tasks of the rest are counted together. It is called
// before any task starts. Without it no label names an app.
func (m *Metrics) ShowApps(limit int) { m.apps.limit = limit }

// AppsShown reports whether there are metrics of apps, so that usage is of use.
func (m *Metrics) AppsShown() bool { return m.apps.limit > 0 }

// TaskStarted takes a task that runs, of an app with any name, or empty. Of one that an earlier daemon has started, neither the start
// counts nor what it has used before its first usage.
func (m *Metrics) TaskStarted(name string, earlier bool) *AppTask {
	t := &AppTask{metrics: m}
	if !m.AppsShown() {
		return t
	}
	m.apps.mu.Lock()
	defer m.apps.mu.Unlock()
	t.app = m.apps.find(appLabel(name))
	t.app.tasks[t] = true
	if earlier {
		t.now = Usage{CPU: -1}
	} else {
		t.app.starts++
	}
	return t
}

// find returns an app. One that has no task left makes room for another, the one first that has had none for longest.
func (a *apps) find(label string) *app {
	if found := a.named[label]; found != nil {
		return found
	}
	if label != others && len(a.named) >= a.limit+1 { // the others are always there
		oldest := ""
		for name, candidate := range a.named {
			if name != others && len(candidate.tasks) == 0 && (oldest == "" || candidate.idle.Before(a.named[oldest].idle)) {
				oldest = name
			}
		}
		if oldest == "" {
			return a.named[others]
		}
		delete(a.named, oldest)
	}
	a.named[label] = newApp()
	return a.named[label]
}

func newApp() *app { return &app{tasks: map[*AppTask]bool{}, probes: map[ProbeResult]int{}} }

// Used takes the usage of the task at the moment. A counter that is lower than before, of a file that cannot be read any more, stays.
func (t *AppTask) Used(now Usage) {
	if t == nil || t.app == nil {
		return
	}
	a := &t.metrics.apps
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.now.CPU < 0 { // the first of a task that an earlier daemon has counted
		t.now = now
	}
	grow := func(total, last *int64, to int64) {
		if to > *last {
			*total += to - *last
			*last = to
		}
	}
	sum, last := &t.app.used, &t.now
	grow((*int64)(&sum.CPU), (*int64)(&last.CPU), int64(now.CPU))
	grow(&sum.Received, &last.Received, now.Received)
	grow(&sum.Sent, &last.Sent, now.Sent)
	grow(&sum.Read, &last.Read, now.Read)
	grow(&sum.Written, &last.Written, now.Written)
	grow(&sum.KilledForMemory, &last.KilledForMemory, now.KilledForMemory)
	last.MemoryLimit, last.Memory, last.MemoryPeak, last.PIDs = now.MemoryLimit, now.Memory, now.MemoryPeak, now.PIDs
}

// Probed counts a probe of the task's health check.
func (t *AppTask) Probed(result ProbeResult) {
	if t == nil {
		return
	}
	t.metrics.probes.WithLabelValues(string(result)).Inc()
	if t.app == nil {
		return
	}
	t.metrics.apps.mu.Lock()
	defer t.metrics.apps.mu.Unlock()
	t.app.probes[result]++
	t.app.checked = true
}

// Health notes what the health check says of the task.
func (t *AppTask) Health(is Health) {
	if t == nil || t.app == nil {
		return
	}
	t.metrics.apps.mu.Lock()
	defer t.metrics.apps.mu.Unlock()
	t.health = is
	t.app.checked = t.app.checked || is != ""
}

// Ended notes that the task does not run any more. It is called once.
func (t *AppTask) Ended() {
	if t == nil || t.app == nil {
		return
	}
	t.metrics.apps.mu.Lock()
	defer t.metrics.apps.mu.Unlock()
	delete(t.app.tasks, t)
	t.app.idle = time.Now()
}

// appLabel is the name of an app as it is shown: cut, and escaped as Go escapes strings, so that nothing in it can be taken for anything
// else where it is read. Tasks choose it.
func appLabel(name string) string {
	if name == "" {
		return others
	}
	if len(name) > maxAppBytes {
		cut := maxAppBytes
		for !utf8.RuneStart(name[cut]) && cut > maxAppBytes-utf8.UTFMax {
			cut--
		}
		name = name[:cut] + "…"
	}
	quoted := strconv.Quote(name)
	return quoted[1 : len(quoted)-1]
}

// appFigure is a metric of an app, from the app and the sums over its running tasks.
type appFigure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(a *app, running *Usage) float64
}

var appFigures = []appFigure{
	appGauge("tasks", "Running tasks of the app on this host.", func(a *app, _ *Usage) float64 { return float64(len(a.tasks)) }),
	appGauge("memory_bytes", "Memory that the running tasks of the app use, with the page cache.", func(_ *app, u *Usage) float64 { return float64(u.Memory) }),
	appGauge("memory_limit_bytes", "Limits of memory of the running tasks of the app, of those with a limit.", func(_ *app, u *Usage) float64 { return float64(u.MemoryLimit) }),
	appGauge("memory_peak_bytes", "Highest memory use of each running task of the app so far, summed.", func(_ *app, u *Usage) float64 { return float64(u.MemoryPeak) }),
	appGauge("pids", "Processes and threads of the running tasks of the app.", func(_ *app, u *Usage) float64 { return float64(u.PIDs) }),
	appCounter("cpu_seconds_total", "Time on processors of the tasks of the app.", func(a *app) float64 { return a.used.CPU.Seconds() }),
	appCounter("network_receive_bytes_total", "Bytes that tasks of the app received, of those with a network of their own.", func(a *app) float64 { return float64(a.used.Received) }),
	appCounter("network_transmit_bytes_total", "Bytes that tasks of the app sent, of those with a network of their own.", func(a *app) float64 { return float64(a.used.Sent) }),
	appCounter("io_read_bytes_total", "Bytes that tasks of the app read from block devices.", func(a *app) float64 { return float64(a.used.Read) }),
	appCounter("io_written_bytes_total", "Bytes that tasks of the app wrote to block devices.", func(a *app) float64 { return float64(a.used.Written) }),
	appCounter("oom_kills_total", "Processes of tasks of the app that the kernel killed for lack of memory.", func(a *app) float64 { return float64(a.used.KilledForMemory) }),
	appCounter("starts_total", "Containers of the app that were started on this host.", func(a *app) float64 { return float64(a.starts) }),
}

var (
	appHealth = prometheus.NewDesc(namespace+"_app_health_checked_tasks", "Running tasks of the app with a health check, by what its last probe found.", []string{"app", "health"}, nil)
	appProbes = prometheus.NewDesc(namespace+"_app_probes_total", "Probes of health checks of the app's tasks, by result.", []string{"app", "result"}, nil)
)

func appGauge(name, help string, value func(*app, *Usage) float64) appFigure {
	return appFigure{prometheus.NewDesc(namespace+"_app_"+name, help, []string{"app"}, nil), prometheus.GaugeValue, value}
}

func appCounter(name, help string, value func(*app) float64) appFigure {
	return appFigure{
		prometheus.NewDesc(namespace+"_app_"+name, help, []string{"app"}, nil), prometheus.CounterValue,
		func(a *app, _ *Usage) float64 { return value(a) },
	}
}

// describe is Describe of a collector.
func (a *apps) describe(to chan<- *prometheus.Desc) {
	for _, f := range appFigures {
		to <- f.desc
	}
	to <- appHealth
	to <- appProbes
}

// collect is Collect of a collector.
func (a *apps) collect(to chan<- prometheus.Metric) {
	if a.limit == 0 {
		return
	}
	a.mu.Lock()
	var all []prometheus.Metric
	show := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		all = append(all, prometheus.MustNewConstMetric(desc, kind, value, labels...))
	}
	for label, app := range a.named {
		var running Usage
		health := map[Health]int{}
		for t := range app.tasks {
			running.Memory += t.now.Memory
			running.MemoryLimit += t.now.MemoryLimit
			running.MemoryPeak += t.now.MemoryPeak
			running.PIDs += t.now.PIDs
			health[t.health]++
		}
		for _, f := range appFigures {
			show(f.desc, f.kind, f.value(app, &running), label)
		}
		if !app.checked {
			continue
		}
		for _, h := range healths {
			show(appHealth, prometheus.GaugeValue, float64(health[h]), label, string(h))
		}
		for _, r := range probeResults {
			show(appProbes, prometheus.CounterValue, float64(app.probes[r]), label, string(r))
		}
	}
	a.mu.Unlock()
	for _, m := range all { // whose receiver is not waited for under the lock
		to <- m
	}
}
