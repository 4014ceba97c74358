package marathon

import "strings"

// readHealthChecks keeps the first health check that Mesos performs. Those of Marathon itself never reach the task.
func (app *App) readHealthChecks(o *object) {
	inMesos := 0
	for v := range o.field("healthChecks").list() {
		hc := app.readHealthCheck(v.object())
		switch hc.protocol {
		case "HTTP", "HTTPS", "TCP":
			app.note(v, "not part of the task: Marathon performs %s health checks itself, from its own host; MESOS_%s is part of it",
				hc.protocol, hc.protocol)
			continue
		case "COMMAND": // Marathon accepts several of these for the sake of its past
		default:
			if inMesos++; inMesos > 1 {
				v.mistake("an app can have one Mesos health check only")
			}
		}
		if app.healthCheck == nil {
			app.healthCheck = &hc
		} else {
			app.note(v, "dropped: a Mesos task has one health check, the first")
		}
	}
}

func (app *App) readHealthCheck(o *object) healthCheck {
	hc := healthCheck{
		protocol:    o.field("protocol").oneOf("HTTP", "HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP"),
		checkTiming: readTiming(o),
		grace:       float64(o.field("gracePeriodSeconds").integer(300, 0, maxInt32)),
		failures:    uint32(o.field("maxConsecutiveFailures").integer(3, 0, maxInt32)),
	}
	path, command := o.field("path"), o.field("command")
	hc.path = path.str("")
	hc.port = readPortReference(o)
	ipProtocol := o.field("ipProtocol")
	hc.ipv6 = ipProtocol.oneOf("IPv4", "IPv4", "IPv6") == "IPv6"
	o.field("ignoreHttp1xx").boolean(false)
	if hc.ipv6 && !strings.HasPrefix(hc.protocol, "MESOS_") {
		ipProtocol.mistake("IPv6 is for the protocols MESOS_HTTP, MESOS_HTTPS and MESOS_TCP only")
	}

	if hc.protocol == "COMMAND" {
		c := command.required("a COMMAND health check needs its command").object()
		hc.command = c.field("value").required("the shell command").str("")
		c.close()
		for _, v := range []value{path, o.field("port")} {
			if v.present() {
				v.doc.tolerate(v.path, "; ignored, as by Marathon up to 1.4", "a COMMAND health check has neither path nor port")
			}
		}
	} else {
		if command.present() {
			command.mistake("only a COMMAND health check has a command, and this one is %s", hc.protocol)
		}
		if strings.HasPrefix(hc.protocol, "MESOS_HTTP") {
			checkHTTPPath(path, hc.path)
		}
		app.checkPort(o, &hc.port)
	}
	o.close()
	return hc
}

func readTiming(o *object) checkTiming {
	seconds := func(key string, absent int) float64 { return float64(o.field(key).integer(absent, 0, maxInt32)) }
	return checkTiming{
		delay:    seconds("delaySeconds", 15),
		interval: seconds("intervalSeconds", 60),
		timeout:  seconds("timeoutSeconds", 20),
	}
}

// checkHTTPPath applies Mesos' own rule, which would make a TASK_ERROR of it.
func checkHTTPPath(v value, path string) {
	if v.present() && !strings.HasPrefix(path, "/") {
		v.mistake("the path of an HTTP check begins with /")
	}
}

func readPortReference(o *object) portReference {
	return portReference{
		port:  ifPresent(o.field("port"), readPort),
		index: ifPresent(o.field("portIndex"), func(v value) int { return v.integer(0, 0, maxPort) }),
	}
}

// checkPort resolves and checks how a check names its port. With neither number nor index it is the first port, which old
// Marathons had as default and newer ones add.
func (app *App) checkPort(o *object, ref *portReference) {
	ports := len(app.ports)
	switch {
	case o.broken:
	case ref.port != nil && ref.index != nil:
		o.mistake("port and portIndex exclude each other")
	case ref.port != nil:
	case ports == 0:
		o.mistake("needs a port: the app has none that portIndex could name")
	case ref.index == nil:
		ref.index = new(int)
	case *ref.index >= ports:
		o.field("portIndex").mistake("%d is out of range: the app has %d port(s), counted from 0", *ref.index, ports)
	}
}

func (app *App) readCheck(parent *object) {
	v := parent.field("check")
	if !v.present() {
		return
	}
	o := v.object()
	c := check{checkTiming: readTiming(o)}
	http, tcp, exec := o.field("http"), o.field("tcp"), o.field("exec")
	if count(http, tcp, exec) != 1 && !o.broken {
		o.mistake("needs exactly one of http, tcp and exec")
	}
	switch {
	case http.present():
		c.protocol = "http"
		h := http.object()
		path := h.field("path")
		c.path = path.str("")
		checkHTTPPath(path, c.path)
		if scheme := h.field("scheme"); scheme.oneOf("HTTP", "HTTP", "HTTPS") == "HTTPS" {
			scheme.mistake("Mesos checks HTTP only; a health check can use HTTPS")
		}
		c.port = app.readCheckPort(h)
		h.close()
	case tcp.present():
		c.protocol = "tcp"
		t := tcp.object()
		c.port = app.readCheckPort(t)
		t.close()
	case exec.present():
		c.protocol = "command"
		c.readExec(exec.object())
	}
	o.close()
	app.check = &c
}

func (app *App) readCheckPort(o *object) portReference {
	ref := readPortReference(o)
	app.checkPort(o, &ref)
	return ref
}

func (c *check) readExec(o *object) {
	command := o.field("command").required("the command, as {shell: …} or {argv: […]}").object()
	shell, argv := command.field("shell"), command.field("argv")
	c.shell, c.argv = shell.str(""), argv.strings()
	if count(shell, argv) != 1 && !command.broken {
		command.mistake("needs exactly one of shell and argv")
	}
	if string(shell.raw) == `""` || argv.present() && argv.raw[0] == '[' && len(c.argv) == 0 {
		command.mistake("must not be empty")
	}
	command.close()
	o.close()
}
