package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// agentDefaultFiles are what the agent's start script sources, in this order.
var agentDefaultFiles = []string{"/etc/default/mesos", "/etc/default/mesos-slave"}

// agentDefaults reads the variables that the agent's start script sources.
func (s *scan) agentDefaults() {
	// In the order of the files, a later one takes over the variable.
	all := map[string]candidateVariable{}
	for _, path := range agentDefaultFiles {
		text, err := s.files.read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var found map[string]assignment
		if err == nil {
			found, err = parseShell(text)
		}
		if err != nil {
			s.mistake(AgentDefaults, s.files.locate(path), fmt.Errorf("the file cannot be used: %w", err))
			continue
		}
		for name, a := range found {
			all[name] = candidateVariable{a, name, path}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if short, ok := strings.CutPrefix(name, "MESOS_"); ok {
			s.variable(byName(strings.ToLower(short)), all[name])
		}
	}
	// The start script makes --ip of a plain IP, and the agent's command line
	// wins over its environment.
	if v := all["IP"]; v.value != "" || v.fault != nil {
		s.variable(byName("ip"), v)
	}
}

// candidateVariable is an assignment with the variable and the file it is in.
type candidateVariable struct {
	assignment
	name, path string
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
