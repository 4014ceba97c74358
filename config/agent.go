package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mesos-docker-containerizer/internal/strictjson"
)

// commonDefaults are sourced by every start script of an agent, first.
const commonDefaults = "/etc/default/mesos"

// naming is how a package names the agent's files.
type naming struct {
	defaults  string
	directory string
}

// namings are those of Mesosphere's packages, and of the wrapper in the source
// of Apache Mesos (since 1.5) and of ClusterD. Each wrapper (mesos-init-wrapper)
// reads the files of one naming and none of the other.
var namings = []naming{
	{"/etc/default/mesos-slave", "/etc/mesos-slave"},
	{"/etc/default/mesos-agent", "/etc/mesos-agent"},
}

// AgentDirectories are where the agent's files are looked for, one a flag.
func AgentDirectories() []string {
	var all []string
	for _, n := range namings {
		all = append(all, n.directory)
	}
	return all
}

// agent reads the agent's layers. Where a host has the files of one naming, the
// flags are what its start script would make of them. Where it has both, nothing
// here tells which of them the start script reads: old files stay behind when a
// package is replaced, and Apache's own RPM installs /etc/mesos-slave with a
// wrapper that does not look there. A flag is then taken from where it is set; a
// flag that is set in both has to say the same, see applyAgreed.
func (s *scan) agent() {
	common := s.shellFile(commonDefaults)
	var found []*scan
	for _, n := range namings {
		if s.files.exists(n.defaults) || s.files.exists(n.directory) {
			found = append(found, s.named(n, common))
		}
	}
	if found == nil {
		found = []*scan{s.named(namings[0], common)} // for the common defaults
	}
	for _, f := range flags {
		s.unite(f, found)
	}
}

// named reads the files of one naming as its start script does.
func (s *scan) named(n naming, common map[string]candidateVariable) *scan {
	each := &scan{files: s.files}
	variables := map[string]candidateVariable{}
	maps.Copy(variables, common)
	maps.Copy(variables, each.shellFile(n.defaults)) // a later file takes over the variable
	each.variables(variables)
	each.directory(AgentFiles, n.directory)
	s.mistakes = append(s.mistakes, each.mistakes...)
	return each
}

// unite adds the value that counts last for the agent. What a naming has from the
// common defaults counts if neither naming has a value of its own.
func (s *scan) unite(f *flag, found []*scan) {
	var common, own *candidate
	for _, each := range found {
		words := each.candidates[f]
		if len(words) == 0 {
			continue
		}
		last := words[len(words)-1]
		if last.origin.File == s.files.locate(commonDefaults) {
			common = &last
			continue
		}
		last.rival = own
		own = &last
	}
	switch {
	case own != nil:
		s.add(*own)
	case common != nil:
		s.add(*common)
	}
}

// applyAgreed applies a candidate and compares it with its rival. If the two
// differ, one of them is wrong, and nothing shows which. So it is a mistake that
// a person has to correct.
func (s *scan) applyAgreed(each candidate, c *Config) Origin {
	before := len(s.mistakes)
	origin := s.apply(each, c)
	if each.rival == nil {
		return origin
	}
	other := new(Config)
	otherOrigin := s.apply(*each.rival, other)
	value, otherValue := each.flag.bind(c).text(), each.flag.bind(other).text()
	if len(s.mistakes) > before || value == otherValue || each.flag.name == "containerizers" && alike(c.Containerizers, other.Containerizers) {
		return origin
	}
	said := fmt.Sprintf("it is %q here and %q in %s", strictjson.Shorten(value), strictjson.Shorten(otherValue), otherOrigin)
	if each.flag.secret {
		said = fmt.Sprintf("it is not what %s says", otherOrigin)
	}
	way := "remove what it does not read"
	if each.flag.name != "docker_config" { // to which our own is added
		way += ", or write the value into " + s.ownFile(each.flag) + ", which wins"
	}
	s.mistakes = append(s.mistakes, &Mistake{
		Origin: origin, Flag: each.flag.name,
		Err: fmt.Errorf("%s, and the agent's start script reads only one of the two: %s", said, way),
	})
	return origin
}

// alike compares lists whose order means nothing.
func alike(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// ownFile is where a flag can be set in our own files.
func (s *scan) ownFile(f *flag) string {
	return s.files.locate(filepath.Join(ownDirectory, f.name))
}

// exists reports whether there is anything at a path. It is true for what
// cannot be looked at, so that reading it says why.
func (f fileSystem) exists(path string) bool {
	_, err := os.Stat(f.locate(path))
	return !errors.Is(err, fs.ErrNotExist)
}

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
