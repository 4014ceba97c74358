package marathon

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"mesos-docker-containerizer/internal/strictjson"
)

const (
	maxPort = 65535

	// maxPorts bounds the ports of one app far above any use, so that free numbers never run out.
	maxPorts = 10000
)

// readNetwork reads the network in its new form, networks, and in the two old ones, container.docker.network and ipAddress.
func readNetwork(o, docker *object) network {
	networks, old, ip := o.field("networks"), docker.field("network"), o.field("ipAddress")
	list := slices.Collect(networks.list())
	oldMode := old.oneOf("", "HOST", "BRIDGE", "USER", "NONE")
	ipName := readIPAddress(ip)
	if len(list) > 0 {
		current := readNetworks(list)
		if old.present() && oldMode != "" && oldModes[oldMode] != current.mode {
			old.mistake("networks and container.docker.network are the new and the old form of the same, and they differ; give one")
		}
		if ip.present() && (current.mode != modeContainer || ipName != "" && ipName != current.name) {
			ip.mistake("networks and ipAddress are the new and the old form of the same, and they differ; give one")
		}
		return current
	}
	switch {
	case oldMode == "HOST" || !old.present() && !ip.present():
		return network{mode: modeHost}
	case oldMode == "BRIDGE":
		return network{mode: modeBridge}
	case oldMode == "NONE":
		return network{mode: modeNone}
	case ipName == "" && ip.present():
		ip.mistake("networkName is missing: a user network needs its name")
	case ipName == "" && oldMode == "USER":
		old.mistake("a USER network needs its name, in ipAddress.networkName or as networks: [{mode: container, name: …}]")
	}
	return network{mode: modeContainer, name: ipName}
}

// oldModes are the networks of container.docker.network in the new form.
var oldModes = map[string]networkMode{"HOST": modeHost, "BRIDGE": modeBridge, "USER": modeContainer, "NONE": modeNone}

func readIPAddress(v value) (networkName string) {
	o := v.object()
	networkName = o.field("networkName").str("")
	// Marathon 0.15 to 1.4 answers with an empty list of ports where there is none.
	discovery := o.field("discovery").object()
	if ports := discovery.field("ports"); len(slices.Collect(ports.list())) > 0 {
		ports.mistake("not allowed for a DOCKER container; use portMappings")
	}
	discovery.close()
	o.ignore("groups", "labels")
	o.close()
	return networkName
}

func readNetworks(list []value) network {
	var first network
	for i, v := range list {
		o := v.object()
		given := o.field("mode")
		mode := networkMode(given.oneOf("", string(modeHost), string(modeBridge), string(modeContainer)))
		if !given.present() {
			mode = modeContainer
		}
		name := o.field("name")
		n := network{mode: mode, name: name.str("")}
		labels := len(o.field("labels").textMap())
		switch {
		case mode == modeHost && (n.name != "" || labels > 0):
			o.mistake("the host network has neither name nor labels")
		case mode == modeBridge && n.name != "":
			name.mistake("the bridge network has no name")
		case mode == modeContainer && n.name == "" && !o.broken:
			name.mistake("missing: a container network needs its name")
		}
		o.close()
		if i == 0 {
			first = n
		}
		if i == 1 {
			v.mistake("a DOCKER container can have one network only")
		}
	}
	return first
}

// readPorts reads ports in all their forms and brings them into the one form that fits the network: definitions on the host's
// network, mappings elsewhere.
func (app *App) readPorts(o, c, docker *object) {
	definitions, given := app.readPortDefinitions(o)
	mappings, mappingsAt := app.readPortMappings(c, docker)
	requirePorts := o.field("requirePorts").boolean(false)

	if !app.network.mode.mapped() {
		if len(mappings) > 0 {
			app.note(mappingsAt, "dropped: the %s network maps no ports", app.network.mode)
		}
		if !given.present() {
			definitions = []port{{name: "default", protocols: []string{"tcp"}, hostPort: new(uint32)}}
		}
		app.ports, app.required = definitions, requirePorts
		return
	}
	if !mappingsAt.present() {
		mappings = []port{{name: "default", protocols: []string{"tcp"}}}
	}
	if len(definitions) > 0 {
		app.note(given, "only their number counts where ports are mapped: there are at least as many mappings")
	}
	for len(mappings) < len(definitions) {
		mappings = append(mappings, port{protocols: []string{"tcp"}})
	}
	if app.network.mode == modeBridge {
		for i := range mappings {
			if mappings[i].hostPort == nil {
				mappings[i].hostPort = new(uint32)
			}
		}
	}
	app.ports = mappings
	app.checkMappings(mappingsAt)
}

// readPortDefinitions returns the ports of the host network and the value they stand in.
func (app *App) readPortDefinitions(o *object) ([]port, value) {
	definitions, ports := o.field("portDefinitions"), o.field("ports")
	names, numbers := uniqueNames{}, map[uint32]bool{}
	read := func(v value) uint32 {
		number := readPort(v)
		if number != 0 && numbers[number] {
			v.mistake("ports must be unique, and %d appears twice", number)
		}
		numbers[number] = true
		return number
	}
	add := func(to []port, number uint32, p port) []port {
		p.number, p.servicePort, p.hostPort = number, number, new(uint32)
		return append(to, p)
	}
	var current, old []port
	for v := range definitions.list() {
		if tooManyPorts(definitions, len(current)) {
			break
		}
		d := v.object()
		current = add(current, read(d.field("port")), names.port(d))
		d.close()
	}
	clear(numbers)
	for v := range ports.list() {
		if tooManyPorts(ports, len(old)) {
			break
		}
		old = add(old, read(v), port{protocols: []string{"tcp"}})
	}
	if ip := o.field("ipAddress"); ip.present() && len(current)+len(old) > 0 {
		ip.mistake("an app with an IP address of its own has no ports on the host; use portMappings")
	}
	if !definitions.present() {
		return old, ports
	}
	same := slices.EqualFunc(current, old, func(a, b port) bool { return a.number == b.number })
	if ports.present() && !same {
		ports.mistake("ports and portDefinitions are the old and the new form of the same, and they differ; give one")
	}
	return current, definitions
}

// readPortMappings returns the mappings and the value they stand in, container.portMappings or the older
// container.docker.portMappings.
func (app *App) readPortMappings(c, docker *object) ([]port, value) {
	at, old := c.field("portMappings"), docker.field("portMappings")
	mappings := app.readMappingList(at)
	oldMappings := app.readMappingList(old)
	switch {
	case !at.present():
		return oldMappings, old
	case len(oldMappings) > 0 && !reflect.DeepEqual(mappings, oldMappings):
		old.mistake("container.portMappings and container.docker.portMappings are the new and the old form of the same, and they differ; give one")
	}
	return mappings, at
}

func (app *App) readMappingList(v value) []port {
	var all []port
	names := uniqueNames{}
	for element := range v.list() {
		if tooManyPorts(v, len(all)) {
			break
		}
		o := element.object()
		number, service := readPort(o.field("containerPort")), readPort(o.field("servicePort"))
		m := names.port(o)
		m.number, m.servicePort, m.hostPort = number, service, ifPresent(o.field("hostPort"), readPort)
		for name := range o.field("networkNames").list() {
			if name.str("") != app.network.name && app.network.mode.mapped() {
				name.mistake("the app is in no network of that name")
			}
		}
		o.close()
		all = append(all, m)
	}
	return all
}

func tooManyPorts(v value, n int) bool {
	if n == maxPorts {
		v.mistake("more than %d ports", maxPorts)
	}
	return n == maxPorts
}

// checkMappings refuses mappings that Docker cannot set up together.
func (app *App) checkMappings(at value) {
	seen := map[string]int{}
	for i, m := range app.ports {
		if m.hostPort == nil || *m.hostPort == 0 {
			continue
		}
		for _, protocol := range m.protocols {
			key := fmt.Sprintf("%d/%s", *m.hostPort, protocol)
			if first, taken := seen[key]; taken {
				at.doc.mistake(fmt.Sprintf("%s/%d/hostPort", at.path, i), "host port %s is already mapped by %s/%d", key, at.path, first)
				break
			}
			seen[key] = i
		}
	}
}

func readPort(v value) uint32 { return uint32(v.integer(0, 0, maxPort)) }

// portName is the pattern of Marathon up to 1.4, which is wider than the one since.
var portName = regexp.MustCompile(`^[a-z0-9-]+$`)

// uniqueNames reads the names of an app's ports.
type uniqueNames map[string]bool

// port reads what all forms of a port have in common.
func (u uniqueNames) port(o *object) port {
	// The order of protocols is kept: Marathon makes one mapping of each.
	protocols := strings.Split(o.field("protocol").oneOf("tcp", "tcp", "udp", "udp,tcp", "tcp,udp"), ",")
	return port{protocols: protocols, name: u.read(o.field("name")), labels: o.field("labels").textMap()}
}

func (u uniqueNames) read(v value) string {
	name := v.str("")
	switch {
	case !v.present() || v.raw[0] != '"':
	case !portName.MatchString(name):
		v.mistake("the name of a port consists of lower case letters, digits and dashes")
	case u[name]:
		v.mistake("port names must be unique, and %q appears twice", strictjson.Shorten(name))
	}
	u[name] = true
	return name
}
