package marathon

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"mesos-docker-containerizer/internal/strictjson"
)

// Parse reads one app, a list of apps or a group, or what the API of Marathon answers with an app in it. A group is an object with
// "apps" or "groups"; the ids in it may be relative to its own, and dependencies between apps are not looked at. What Marathon
// itself passed over, as unknown keys, is a mistake here; see ParseTolerant.
//
// Where the document cannot be read at all the error is a *SyntaxError with line and column, or a *strictjson.Mistake; otherwise it is a
// *multierror.Error with a *strictjson.Mistake for everything that is wrong. Errors name keys and places, and quote values only where they
// cannot be secrets: never those of env, args or cmd.
func Parse(data []byte) ([]App, error) {
	return parse(&document{strict: true}, data)
}

// ParseTolerant is Parse that passes over what a version of Marathon passed over, and says so: unknown keys are ignored, of keys
// that appear more than once in an object the last counts, and numbers, texts and true or false may stand for each other. There
// are at most 100 warnings, also with an error.
func ParseTolerant(data []byte) ([]App, []*strictjson.Mistake, error) {
	doc := &document{}
	apps, err := parse(doc, data)
	return apps, doc.warnings, err
}

func parse(doc *document, data []byte) ([]App, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	root, err := doc.open(data)
	if err != nil {
		return nil, err
	}
	p := &parser{doc: doc, places: map[string]string{}}
	switch {
	case root.raw[0] == '[':
		for element := range root.list() {
			p.appOrGroup(element, nil, false)
		}
	case root.raw[0] == '{':
		p.appOrGroup(root, nil, false)
	default:
		return nil, &strictjson.Mistake{Message: "expected an app, a list of apps or a group"}
	}
	if err := doc.err(); err != nil {
		return nil, err
	}
	if len(p.apps) == 0 {
		return nil, &strictjson.Mistake{Message: "no app in it"}
	}
	return p.apps, nil
}

// parser gathers the apps of one document.
type parser struct {
	doc    *document
	apps   []App
	places map[string]string // app id to the path where it was defined
}

func (p *parser) appOrGroup(v value, base pathID, enforceRole bool) {
	o := v.object()
	has := func(keys ...string) bool {
		return slices.ContainsFunc(o.members, func(m member) bool { return m.raw != nil && slices.Contains(keys, m.key) })
	}
	switch {
	case has("apps", "groups", "pods"):
		p.group(o, base, enforceRole)
	case has("id"):
		p.app(o, base, enforceRole)
	case has(wrappers...):
		p.unwrap(o, base, enforceRole)
	default:
		p.app(o, base, enforceRole)
	}
}

// wrappers are the keys under which answers of Marathon's API have an app: GET of an app, of the queue, steps of deployments and
// events.
var wrappers = []string{"app", "appDefinition", "queue"}

// unwrap reads the apps in an answer. What stands beside them is Marathon's news of them.
func (p *parser) unwrap(o *object, base pathID, enforceRole bool) {
	for _, key := range wrappers {
		switch v := o.field(key); {
		case !v.present():
		case key == "queue":
			for element := range v.list() {
				p.appOrGroup(element, base, enforceRole)
			}
		case v.raw[0] == '"':
			v.mistake("only names an app, as deployments do; expected its definition")
		default:
			p.appOrGroup(v, base, enforceRole)
		}
	}
}

func (p *parser) app(o *object, base pathID, enforceRole bool) {
	p.doc.app = o
	defer func() { p.doc.app = nil }()
	if isPod(o) {
		o.mistake("%v", errPod)
		return
	}
	app := readApp(o, base)
	app.enforceRole = enforceRole
	if len(app.path) > 0 {
		if earlier, taken := p.places[app.ID]; taken {
			o.field("id").mistake("%s is already the id of %s", app.ID, earlier)
		} else {
			p.places[app.ID] = cmp.Or(o.path, "the document")
		}
	}
	p.apps = append(p.apps, app)
}

func (p *parser) group(o *object, base pathID, enforceRole bool) {
	// The list of apps that Marathon's API returns has no id of its own; what stands in it belongs to the root group.
	id := base
	if v := o.field("id"); v.present() {
		id = readPath(v, base)
	}
	if v := o.field("enforceRole"); v.present() {
		if len(id) != 1 {
			v.mistake("only a top-level group decides this, and %s is none", id)
		}
		enforceRole = v.boolean(false)
	}
	for pod := range o.field("pods").list() {
		pod.mistake("%v", errPod)
	}
	for app := range o.field("apps").list() {
		p.app(app.object(), id, enforceRole)
	}
	for group := range o.field("groups").list() {
		p.group(group.object(), id, enforceRole)
	}
	o.ignore("dependencies", "version", "scaleBy")
	o.close()
}

var (
	errOnlyDocker = errors.New("only apps with a container of type DOCKER can be run")
	errPod        = fmt.Errorf("pods need the Mesos containerizer; %w", errOnlyDocker)
)

// isPod tells a pod, or its status, from an app.
func isPod(o *object) bool {
	spec := value{doc: o.doc}
	for _, m := range o.members {
		switch m.key {
		case "containers":
			return m.raw != nil
		case "container":
			return false
		case "spec":
			spec.raw = m.raw
		}
	}
	return spec.peek("containers").present()
}

// places are the keys that people put into the wrong object, by the path in the app of the object they belong to.
var places = []struct {
	object string
	keys   []string
}{
	{"", []string{"acceptedResourceRoles", "args", "backoffFactor", "backoffSeconds", "check", "cmd", "constraints", "container",
		"cpus", "dependencies", "disk", "env", "executor", "fetch", "healthChecks", "instances", "maxLaunchDelaySeconds", "mem",
		"networks", "portDefinitions", "ports", "readinessChecks", "requirePorts", "residency", "secrets",
		"taskKillGracePeriodSeconds", "tty", "unreachableStrategy", "upgradeStrategy", "uris", "user"}},
	{"/container", []string{"docker", "linuxInfo", "portMappings", "volumes"}},
	{"/container/docker", []string{"forcePullImage", "image", "network", "parameters", "privileged"}},
	{"/upgradeStrategy", []string{"maximumOverCapacity", "minimumHealthCapacity"}},
}

// placeOf is where a key of the app belongs that stands elsewhere, or "".
func (d *document) placeOf(key string) string {
	if d.app == nil {
		return ""
	}
	for _, p := range places {
		if slices.Contains(p.keys, key) {
			return strictjson.Join(d.app.path+p.object, key)
		}
	}
	return ""
}
