// Package metrics counts the daemon's events and serves them to Prometheus. Every metric is in metrics.go with its name and help
// text. docs/metrics.md explains them; a test compares the two.
//
//	m := metrics.New(version)
//	docker, err := engine.New(engine.Options{Socket: socket, Observe: m.EngineCall})
//	images, err := image.New(image.Options{Engine: docker, Observer: m, ...})
//	m.HandleAdmin(mux) // GET /metrics
//
// Each Metrics has its own registry, without the global metrics of libraries.
//
// # Caveats
//
//   - Labels never name a task, framework, image, registry or container. So the number of series is bounded, and the metrics reveal
//     nothing about tasks.
//   - Methods count events. The current state is read at each scrape (see Ask).
package metrics
