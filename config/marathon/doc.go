// Package marathon turns Marathon app definitions into Mesos tasks, as Marathon itself does.
//
// Parse reads a document (one app, a list of apps or a group; the forms of Marathon 0.7 to 1.11) and either returns apps that are
// sound or every mistake in the document with its path. Build combines one app with an Offer, which holds what Marathon takes from
// the offer of an agent and from its own state, and returns the TaskInfo that Marathon would launch:
//
//	apps, err := marathon.Parse(data)
//	err = marathon.AssignServicePorts(&apps[0])
//	ports, err := marathon.NewPorts("31000-32000")
//	task, err := marathon.Build(apps[0], marathon.Offer{Ports: ports, InstanceUUID: uuid, ...})
//	defer ports.Release(marathon.HostPorts(task)...)
//
// Parse applies the normalisation and validation of Marathon's API, Build its scheduler's translation. The files follow that split:
// read*.go and build*.go; document.go and value.go know JSON and nothing about Marathon.
//
// Caveats. Only container type DOCKER is accepted, or none where the app has an executor of its own. Nothing here looks at the clock, at randomness or at the host: the same app and
// Offer give the same TaskInfo. What Marathon drops without a word (secrets, port mappings on the host network) or does itself
// (HTTP health checks from its own host) is dropped here too and named in App.Notes. A limit of "unlimited" is +Inf in
// TaskInfo.Limits, as Mesos wants it; encoding/json cannot write that value, protobuf can.
package marathon
