package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"mesos-docker-containerizer/internal/strictjson"
)

// Options are where Load reads from.
type Options struct {
	// Root is put before every absolute path that is read, the paths given as
	// values included, so that tests and images can have an /etc of their own.
	// Empty is the host's.
	Root string
	// Environ are variables as os.Environ gives them; none where nil.
	Environ []string
	// Args are the command line without the program's name.
	Args []string
	// Foreign are flags, without dashes, that belong to a subcommand. They are
	// left among the remaining arguments and are no mistakes.
	Foreign []string
	// Tolerant is for callers that can do without a part of the configuration: a
	// mistake in a file, or in the agent's own variables, is among the Config's
	// Mistakes, and its flag has the built-in value.
	Tolerant bool
}

// Load reads all layers. It returns the arguments that are not flags of the
// table, in order: positional ones, foreign flags, and "--" with what follows it.
//
// All mistakes come together, each a *Mistake within a *multierror.Error, and
// then there is no Config.
func Load(o Options) (*Config, []string, error) {
	files := fileSystem{root: o.Root}
	s := &scan{files: files, tolerant: o.Tolerant}
	for _, f := range flags {
		s.add(candidate{flag: f, text: f.standard})
	}
	s.agent()
	s.directory(OwnFiles, ownDirectory)
	s.environment(o.Environ)
	rest := s.arguments(o.Args, o.Foreign)

	c := &Config{origins: make(map[string]Origin, len(flags))}
	for _, f := range flags {
		s.settle(c, f)
	}
	if c.LogDriver != "local" && c.Origin("log_opts").Layer == BuiltIn {
		c.LogOpts = nil
	}
	if o.Tolerant {
		c.mistakes, s.mistakes = split(s.mistakes)
	}
	if err := collect(s.mistakes); err != nil {
		return nil, nil, err
	}
	return c, rest, nil
}

// candidate is what one layer says about one flag.
type candidate struct {
	flag   *flag
	text   string
	origin Origin
	// fault says why there is no text to parse, such as a file that cannot be
	// read.
	fault error
	// rival is what the agent's files of the other naming say, if that counts
	// as much.
	rival *candidate
}

// scan collects what the layers say.
type scan struct {
	files    fileSystem
	tolerant bool
	// candidates are in the order of the layers, for each flag.
	candidates map[*flag][]candidate
	// mistakes are those that no later layer can make good.
	mistakes []*Mistake
}

func (s *scan) add(c candidate) {
	if s.candidates == nil {
		s.candidates = make(map[*flag][]candidate, len(flags))
	}
	s.candidates[c.flag] = append(s.candidates[c.flag], c)
}

func (s *scan) mistake(layer Layer, place string, err error) {
	s.mistakes = append(s.mistakes, &Mistake{Origin: Origin{Layer: layer, Place: place}, Err: err})
}

// settle stores the last candidate for f in c. Those before it are checked
// as well, unless they are the agent's.
func (s *scan) settle(c *Config, f *flag) {
	all := s.candidates[f]
	last := len(all) - 1
	for i, each := range all {
		if i == last {
			if s.tolerant && s.wrong(each) {
				each = candidate{flag: f, text: f.standard}
			}
			c.origins[f.name] = s.settleLast(each, c)
		} else if !each.origin.Layer.agents() {
			s.apply(each, new(Config))
		}
	}
	if f.name == "docker_config" && all[last].origin.Layer == OwnFiles && c.DockerConfig != nil {
		s.keepAgents(c, all)
	}
}

// wrong reports whether the last candidate is a mistake, which it notes.
func (s *scan) wrong(each candidate) bool {
	before := len(s.mistakes)
	s.settleLast(each, new(Config))
	return len(s.mistakes) > before
}

// split separates the mistakes in files from those of the caller.
func split(all []*Mistake) (files, callers []*Mistake) {
	for _, m := range all {
		if m.Origin.Layer < Environment {
			files = append(files, m)
		} else {
			callers = append(callers, m)
		}
	}
	return files, callers
}

// settleLast applies the last candidate. A value that the agent alone needs to
// understand is no mistake.
func (s *scan) settleLast(each candidate, c *Config) Origin {
	if !each.flag.others || !each.origin.Layer.agents() {
		return s.applyAgreed(each, c)
	}
	before := len(s.mistakes)
	s.applyAgreed(each, new(Config))
	if len(s.mistakes) == before {
		return s.apply(each, c)
	}
	c.unusable = append(c.unusable, s.mistakes[before:]...)
	s.mistakes = s.mistakes[:before]
	return s.apply(candidate{flag: each.flag, text: each.flag.standard}, c)
}

// keepAgents stores the agent's docker_config next to our own: credentials for
// more registries take nothing from those of the agent.
func (s *scan) keepAgents(c *Config, all []candidate) {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].origin.Layer.agents() {
			agents := new(Config)
			s.applyAgreed(all[i], agents)
			c.AgentDockerConfig = agents.DockerConfig
			return
		}
	}
}

// apply stores a candidate in c or reports what is wrong with it. It returns
// the origin, with the file that the value names, if it names one.
func (s *scan) apply(each candidate, c *Config) Origin {
	v := each.flag.bind(c)
	m := &Mistake{Origin: each.origin, Flag: each.flag.name, Accepts: v.accepts(), Err: each.fault}
	text, path := "", ""
	if m.Err == nil {
		text, path, m.Err = s.resolve(each)
	}
	m.Origin.Names = path
	if m.Err == nil && (text != "" || !each.flag.optional) {
		if m.Err = parse(v, text); m.Err != nil && !each.flag.secret {
			m.Value = strictjson.Shorten(text)
		}
	}
	if m.Err != nil {
		s.mistakes = append(s.mistakes, m)
	}
	return m.Origin
}

// parse refuses what is not text; a list says which of its items that is.
func parse(v value, text string) error {
	err := v.parse(text)
	if _, known := errors.AsType[*itemError](err); !known && !utf8.ValidString(text) {
		return errors.New("it is not UTF-8 text")
	}
	return err
}

// resolve reads the file that a value names: any value may be file:///path, as
// with the agent, and JSON may be a bare path too. It returns the text and
// the path of that file, if there is one.
func (s *scan) resolve(each candidate) (text, path string, err error) {
	named, ok := strings.CutPrefix(each.text, "file://")
	switch {
	case !ok && each.flag.form() == document && strings.HasPrefix(each.text, "/"):
		named = each.text
	case !ok:
		return each.text, "", nil
	case !strings.HasPrefix(named, "/"):
		return "", "", errors.New("file:// must be followed by an absolute path")
	}
	path = s.files.locate(named)
	text, err = s.files.read(named)
	if err != nil {
		return "", path, fmt.Errorf("the file cannot be used: %w", err)
	}
	return text, path, nil
}
