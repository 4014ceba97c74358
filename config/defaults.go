package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// agentDefaultFiles are what the agent's start script sources, in this order.
var agentDefaultFiles = []string{"/etc/default/mesos", "/etc/default/mesos-slave"}

// agentDefaults reads the variables that the agent's start script sources.
func (s *scan) agentDefaults() {
	var all []candidateVariable
	for _, path := range agentDefaultFiles {
		text, err := s.files.read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var found []assignment
		if err == nil {
			found, err = parseShell(text)
		}
		if err != nil {
			s.mistake(AgentDefaults, s.files.locate(path), fmt.Errorf("the file cannot be used: %w", err))
			continue
		}
		for _, a := range found {
			all = slices.DeleteFunc(all, func(v candidateVariable) bool { return v.name == a.name })
			all = append(all, candidateVariable{a, path})
		}
	}
	for _, v := range all {
		if name, ok := strings.CutPrefix(v.name, "MESOS_"); ok {
			s.variable(byName(strings.ToLower(name)), v)
		}
	}
	// The start script makes --ip of a plain IP, and the agent's command line
	// wins over its environment.
	for _, v := range all {
		if v.name == "IP" && (v.value != "" || v.fault != nil) {
			s.variable(byName("ip"), v)
		}
	}
}

// candidateVariable is an assignment with the file it stands in.
type candidateVariable struct {
	assignment
	path string
}

// variable adds v as a candidate for f, if f is a flag of the agent's.
func (s *scan) variable(f *flag, v candidateVariable) {
	if f == nil || !f.agents || errors.Is(v.fault, errUnset) {
		return
	}
	place := fmt.Sprintf("%s line %d, %s", s.files.locate(v.path), v.line, v.name)
	c := candidate{flag: f, text: v.value, origin: Origin{AgentDefaults, place}}
	if v.fault != nil {
		own := s.files.locate(filepath.Join(ownDirectory, f.name))
		c.fault = fmt.Errorf("%w; write the value itself here, or into %s, which wins", v.fault, own)
	}
	s.add(c)
}
