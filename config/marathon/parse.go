package marathon

import (
	"bytes"
	"errors"

	"mesos-docker-containerizer/strictjson"
)

// Parse reads one app, a list of apps or a group. A group is an object with "apps" or "groups"; the ids in it may be relative to
// its own, and dependencies between apps are not looked at.
//
// Where the document cannot be read at all the error is a *SyntaxError with line and column, or a *strictjson.Mistake; otherwise it is a
// *multierror.Error with a *strictjson.Mistake for everything that is wrong. Errors name keys and places, and quote values only where they
// cannot be secrets: never those of env, args or cmd.
func Parse(data []byte) ([]App, error) {
	doc := &document{}
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
	for _, m := range o.members {
		if m.key == "apps" || m.key == "groups" || m.key == "pods" {
			p.group(o, base, enforceRole)
			return
		}
	}
	p.app(o, base, enforceRole)
}

func (p *parser) app(o *object, base pathID, enforceRole bool) {
	app := readApp(o, base)
	app.enforceRole = enforceRole
	if len(app.path) > 0 {
		if earlier, taken := p.places[app.ID]; taken {
			o.field("id").mistake("%s is already the id of %s", app.ID, earlier)
		} else {
			p.places[app.ID] = orRoot(o.path)
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
		pod.mistake("pods need the Mesos containerizer; %v", errOnlyDocker)
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

var errOnlyDocker = errors.New("only apps with a container of type DOCKER can be run")

func orRoot(path string) string {
	if path == "" {
		return "the document"
	}
	return path
}
