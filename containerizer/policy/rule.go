package policy

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/internal/policylist"

	"github.com/hashicorp/go-multierror"
)

// The values of a rule that are no items.
const (
	anything = "*"
	nothing  = "none"
)

// Rule is the value of one policy file.
type Rule struct {
	// Source says where the rule was set, for people: a file, a variable or a flag. Empty means that it is not set, and
	// then Items do not count.
	Source string

	// Items are what is allowed; "*" alone is anything, "none" alone nothing.
	Items []string
}

// Switch is the value of a policy file that says yes or no.
type Switch struct {
	Source string // as in Rule
	Allow  bool
}

// Options are the policy files, and what else the operator has decided.
type Options struct {
	AllowPrivileged Switch

	// Allowed has the other policy files by their names; docs/policy.md has a section for each.
	Allowed map[string]Rule

	// LogDriver and LogOpts are what tasks get that ask for no log driver. It is not the task's, so it is not checked.
	LogDriver string
	LogOpts   map[string]string
}

// Policy is the operator's decision about tasks, made by New. It is safe for concurrent use.
type Policy struct{ current atomic.Pointer[decision] }

// Replace has the policy decide as another from now on. A Check that runs is not affected.
func (p *Policy) Replace(by *Policy) { p.current.Store(by.current.Load()) }

// decision is a policy, which does not change.
type decision struct {
	privileged    Switch
	hostPaths     list[hostPath]
	parameters    list[string]
	networks      list[string]
	images        list[imagePattern]
	capabilities  list[string]
	devices       list[device]
	namespaces    list[string]
	volumeDrivers list[string]
	runtimes      list[string]

	logDriver string
	logOpts   map[string]string

	// known are the names of the lists.
	known []string

	// force is the first rule that has been set, nil if there is none.
	force *origin
}

// origin says which rule something is about and where that was set.
type origin struct {
	rule   string
	source string
}

// list is a rule with its items read.
type list[T any] struct {
	origin
	any   bool
	items []T
}

func (l *list[T]) set() bool { return l.source != "" }

// settled tells that the rule decides without looking at anything.
func (l *list[T]) settled(trusted bool) bool { return l.any || !l.set() && trusted }

// New reads the rules. Its error is a *multierror.Error that names every item that is wrong and where it stands.
func New(o Options) (*Policy, error) {
	p := &decision{privileged: o.AllowPrivileged, logDriver: o.LogDriver, logOpts: o.LogOpts}
	var wrong *multierror.Error
	report := func(err error) { wrong = multierror.Append(wrong, err) }
	if o.AllowPrivileged.Source != "" {
		p.force = &origin{rulePrivileged, o.AllowPrivileged.Source}
	}
	p.hostPaths = readRule(p, policylist.HostPaths, o.Allowed, parseHostPath, report)
	p.parameters = readRule(p, policylist.Parameters, o.Allowed, parseParameter, report)
	p.networks = readRule(p, policylist.Networks, o.Allowed, parseNetwork, report)
	p.images = readRule(p, policylist.Images, o.Allowed, parseImagePattern, report)
	p.capabilities = readRule(p, policylist.Capabilities, o.Allowed, parseCapability, report)
	p.devices = readRule(p, policylist.Devices, o.Allowed, parseDevice, report)
	p.namespaces = readRule(p, policylist.Namespaces, o.Allowed, parseNamespace, report)
	p.volumeDrivers = readRule(p, policylist.VolumeDrivers, o.Allowed, parseVolumeDriver, report)
	p.runtimes = readRule(p, policylist.Runtimes, o.Allowed, parseRuntime, report)
	for name := range o.Allowed {
		if !slices.Contains(p.known, name) {
			report(fmt.Errorf("%s: %s is no policy file", o.Allowed[name].Source, name))
		}
	}
	if err := wrong.ErrorOrNil(); err != nil {
		return nil, err
	}
	made := &Policy{}
	made.current.Store(p)
	return made, nil
}

// readRule reads the items of one rule and reports each that is wrong.
func readRule[T any](p *decision, name string, rules map[string]Rule, parse func(string) (T, error), report func(error)) list[T] {
	p.known = append(p.known, name)
	r := rules[name]
	l := list[T]{origin: origin{name, r.Source}}
	if r.Source == "" {
		return l
	}
	if p.force == nil {
		p.force = &l.origin
	}
	fault := func(item string, err error) {
		report(fmt.Errorf("%s: %s: %s is refused: %w", r.Source, name, runspec.Quote(item), err))
	}
	switch {
	case len(r.Items) == 0:
		fault("", fmt.Errorf("it is empty; %s allows nothing, %s anything", nothing, anything))
	case slices.Equal(r.Items, []string{anything}):
		l.any = true
		return l
	case slices.Equal(r.Items, []string{nothing}):
		return l
	}
	for _, item := range r.Items {
		if item == anything || item == nothing {
			fault(item, errors.New("it can only stand alone"))
			continue
		}
		parsed, err := parse(item)
		if err != nil {
			fault(item, err)
			continue
		}
		l.items = append(l.items, parsed)
	}
	return l
}

// Refusal says that a task asks for something that the operator does not allow. It is the fault of the task.
type Refusal struct {
	// Rule is the name of the policy file, Source where it was set. Source is empty if it is not set: then the executor
	// is not root's, and only a file can allow what was asked for.
	Rule   string
	Source string

	// Field is the field of docker's types, such as "HostConfig.Binds", and Value its value, which is no secret.
	Field string
	Value string

	// Reason says what is asked for.
	Reason string
}

func (r *Refusal) Error() string {
	text := fmt.Sprintf("%s is not allowed on this host (%s: %s)", r.Reason, r.Field, runspec.Quote(r.Value))
	if r.Source == "" {
		return fmt.Sprintf("%s: for executors that do not run as root, the operator has to allow it in the policy file %s", text, r.Rule)
	}
	return fmt.Sprintf("%s: policy file %s, set by %s", text, r.Rule, r.Source)
}
