package runspec

// RunLine is a command line of docker run, read. The caller owns it.
type RunLine struct {
	ParseResult

	Name     string // of the container; empty leaves it to the Engine
	Detach   bool
	SigProxy bool
	Pull     string // "missing", "always" or "never"
	Quiet    bool

	// Given are the options in their order, each by its long name.
	Given []GivenOption
}

// GivenOption is one option of a command line. Its value may be secret.
type GivenOption struct{ Name, Value string }

// ofRun are options that the rules refuse to tasks, because a session handles them, and that docker run itself may have.
var ofRun = map[string]bool{"attach": true, "detach": true, "name": true, "pull": true, "quiet": true, "sig-proxy": true}

// Check checks a command line by the rules for docker parameters and for the version of an Engine's API, and adapts it to that version.
// An empty version means that the Engine knows all options. The error is an *Error.
func (l *RunLine) Check(engineAPI string) error {
	names := 0
	var parameters []parameter
	for _, given := range l.Given {
		p := parameter{field: "docker run", name: given.Name, value: given.Value}
		parameters = append(parameters, p)
		if given.Name == "name" {
			names++
		}
		if !ofRun[p.name] {
			if err := p.check(); err != nil {
				return err
			}
		}
		// A relative path has no meaning here: the caller's directory is not known.
		if relative := p; relative.resolveRelative("/") != nil || relative.value != p.value {
			return fault(p.field, "%s is relative, and no path of this command can be", Quote(p.argument()))
		}
	}
	if names > 1 {
		return fault("docker run", "the container has %d names; the one that its agent gives it is the one that it needs", names)
	}
	spec := &Spec{Config: l.Config, HostConfig: l.HostConfig, Networking: l.Networking}
	return spec.suitEngine(engineAPI, parameters)
}

// Declared are the names of the options that the task declares as docker parameters. An agent appends them to its own options, which
// end with the container's name (contract 2.1). Without a name the result is all options.
func (l *RunLine) Declared() []string {
	var declared []string
	for _, given := range l.Given {
		if given.Name == "name" {
			declared = nil
			continue
		}
		declared = append(declared, given.Name)
	}
	return declared
}
