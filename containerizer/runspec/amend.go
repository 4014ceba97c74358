package runspec

import (
	"maps"
	"slices"
	"strings"

	"mesos-docker-containerizer/containerizer/engine"

	"github.com/docker/docker/api/types/container"
)

// amend gives a result, whichever way it came about, what no argument expresses, and takes back what a parameter may say but
// the daemon does itself (rules.go says which and why).
func (r *runOptions) amend(spec *Spec, o Options) error {
	config, host := spec.Config, spec.HostConfig
	for label := range config.Labels {
		if strings.HasPrefix(strings.TrimSpace(label), engine.LabelPrefix) {
			return fault("container.docker.parameters", "label %s is refused: labels that begin with %s are the containerizer's own",
				Quote(label), engine.LabelPrefix)
		}
	}
	if err := r.suitEngine(spec, o.EngineAPI); err != nil {
		return err
	}
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	host.AutoRemove = false
	config.OpenStdin, config.AttachStdin, config.StdinOnce = false, false, false

	// Docker's parser keeps both in sets, so they come out in any order.
	slices.Sort(config.Env)
	r.sortBinds(host.Binds)

	host.Mounts = append(host.Mounts, r.mounts...)
	if config.Tty {
		host.ConsoleSize = r.consoleSize
	}
	if host.LogConfig.Type == "" && len(host.LogConfig.Config) == 0 {
		host.LogConfig = container.LogConfig{Type: o.LogDriver, Config: maps.Clone(o.LogOpts)}
		if host.LogConfig.Config == nil {
			host.LogConfig.Config = map[string]string{}
		}
	}
	spec.TTY = config.Tty
	return nil
}

// sortBinds brings binds into the order in which they were asked for: the volumes, the sandbox, the parameters.
func (r *runOptions) sortBinds(binds []string) {
	order := make(map[string]int, len(binds))
	for i, bind := range r.binds {
		order[bind] = i
	}
	for i, p := range r.parameters {
		if _, known := order[p.value]; p.name == "volume" && !known {
			order[p.value] = len(r.binds) + i
		}
	}
	slices.SortStableFunc(binds, func(a, b string) int { return order[a] - order[b] })
}
