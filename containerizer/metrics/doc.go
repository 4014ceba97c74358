// Package metrics keeps the figures of the daemon and shows them to Prometheus. Every metric, with its name and help, stands in
// metrics.go; what they mean to an operator is in docs/metrics.md, which a test holds equal.
//
//	m := metrics.New(version)
//	docker, err := engine.New(engine.Options{Socket: socket, Observe: m.EngineCall})
//	images, err := image.New(image.Options{Engine: docker, Observer: m, ...})
//	m.HandleAdmin(mux) // GET /metrics
//
// A Metrics has a registry of its own: what libraries register globally is not shown, and two servers in one process do not mix.
//
// # Caveats
//
//   - Labels are bounded: no task, framework, image, registry or container is ever named. So the figures may be shown on a network
//     where tasks may not be named, and their number does not grow with what runs.
//   - What happens is counted where it happens, by methods; what is so at the moment is asked for at each scrape (see Ask).
package metrics
