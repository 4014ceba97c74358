package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// shellFile reads the assignments of a file that a start script sources; none
// where it is absent.
func (s *scan) shellFile(path string) map[string]candidateVariable {
	text, err := s.files.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var found map[string]assignment
	if err == nil {
		found, err = parseShell(text)
	}
	if err != nil {
		s.mistake(AgentDefaults, s.files.locate(path), fmt.Errorf("the file cannot be used: %w", err))
		return nil
	}
	variables := make(map[string]candidateVariable, len(found))
	for name, a := range found {
		variables[name] = candidateVariable{a, name, path}
	}
	return variables
}

// variables adds what a start script makes flags of.
func (s *scan) variables(all map[string]candidateVariable) {
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
	file := s.files.locate(v.path)
	place := fmt.Sprintf("%s line %d, %s", file, v.line, v.name)
	c := candidate{flag: f, text: v.value, origin: Origin{Layer: AgentDefaults, Place: place, File: file}}
	if v.fault != nil {
		c.fault = fmt.Errorf("%w; write the value itself here, or into %s, which wins", v.fault, s.ownFile(f))
	}
	s.add(c)
}
