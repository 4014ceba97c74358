// Package metrics counts the daemon's events and serves them to Prometheus, beside answers to whether it lives and is ready. The metrics
// of apps are in apps.go, those of the current state in tasks.go, all others in metrics.go, with name and help text. docs/metrics.md explains them; a test compares the two.
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
//     nothing about tasks. ShowApps adds a bounded number of apps' names.
//   - Methods count events. The current state is read at each scrape (see Ask).
package metrics
