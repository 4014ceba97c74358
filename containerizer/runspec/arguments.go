package runspec

import (
	"fmt"
	"strconv"
)

// generated writes the options as arguments of docker run, in stock's order (contract 2.1). What stock has no argument
// for but docker does comes at the end, before the task's parameters, which therefore win.
func (r *runOptions) generated() []string {
	var list []string
	add := func(name, value string) { list = append(list, "--"+name+"="+value) }
	addNumber := func(name string, value int64) {
		if value != 0 {
			add(name, strconv.FormatInt(value, 10))
		}
	}
	addText := func(name, value string) {
		if value != "" {
			add(name, value)
		}
	}
	addList := func(name string, values []string) {
		for _, value := range values {
			add(name, value)
		}
	}

	if r.privileged {
		add("privileged", "true")
	}
	addNumber("cpu-shares", r.cpuShares)
	addNumber("cpu-quota", r.cpuQuota)
	addNumber("memory-reservation", r.memoryReservation)
	addNumber("memory", r.memory)
	addNumber("oom-score-adj", int64(r.oomScoreAdj))
	for _, v := range r.environment {
		add("env", v.name+"="+v.value)
	}
	addList("volume", r.binds)
	addText("volume-driver", r.volumeDriver)
	add("net", r.network)
	addList("dns", r.dns.Nameservers)
	addList("dns-search", r.dns.Search)
	addList("dns-option", r.dns.Options)
	addText("hostname", r.hostname)
	for _, p := range r.ports {
		add("publish", p.String())
	}
	addText("entrypoint", r.entrypoint)

	addText("user", r.user)
	if r.tty {
		add("tty", "true")
	}
	for _, limit := range r.ulimits {
		add("ulimit", fmt.Sprintf("%s=%d:%d", limit.Name, limit.Soft, limit.Hard))
	}
	addList("cap-drop", r.capDrop)
	addList("cap-add", r.capAdd)
	addNumber("gpus", int64(r.gpus))
	return list
}
