package marathon

import "strings"

// readContainer reads the container with everything that depends on it: the network and the ports. An app of a path executor needs
// none: what its executor makes of the task is its own affair.
func (app *App) readContainer(o *object) {
	v := o.field("container")
	tty := o.field("tty").boolean(false)
	if !v.present() && app.executor != "" {
		app.readWithoutContainer(o, v)
		return
	}
	if !v.present() {
		if !o.broken {
			v.mistake("missing: %v", errOnlyDocker)
		}
		v.broken = true
	}
	c := v.object()
	c.ignore("type") // readApp has checked it
	docker := c.field("docker").required("a container of type DOCKER names its image here").object()

	app.readDocker(docker)
	app.container.tty = tty
	app.readVolumes(c.field("volumes"))
	if linux := c.field("linuxInfo"); linux.present() {
		linux.mistake("needs the Mesos containerizer; for a DOCKER container use docker parameters")
	}
	app.network = readNetwork(o, docker)
	app.readPorts(o, c, docker)

	docker.close()
	c.close()
}

// readWithoutContainer reads the ports of an app that has no container and so is on the host's network.
func (app *App) readWithoutContainer(o *object, absent value) {
	if app.cmd == "" {
		app.note(o.field("executor"), "without cmd Marathon builds a command that no agent can start; set cmd, whose words the executor gets as its arguments")
	}
	nothing := absent.object()
	if app.network = readNetwork(o, nothing); app.network.mode != modeHost {
		v := o.field("networks")
		if !v.present() {
			v = o.field("ipAddress")
		}
		v.mistake("an app without a container has the host's network")
		app.network = network{mode: modeHost}
	}
	app.readPorts(o, nothing, nothing)
}

func (app *App) readDocker(docker *object) {
	image := docker.field("image").required("a DOCKER container needs an image")
	app.container.image = image.nonEmpty("")
	app.container.privileged = docker.field("privileged").boolean(false)
	app.container.forcePull = docker.field("forcePullImage").boolean(false)
	for v := range docker.field("parameters").list() {
		parameter := v.object()
		key := parameter.field("key").required("a parameter is an option of docker run, without dashes")
		p := pair{key.nonEmpty(""), parameter.field("value").required("a parameter without a value is \"\"").str("")}
		parameter.close()
		app.container.parameters = append(app.container.parameters, p)
	}
	for _, key := range []string{"pullConfig", "credential"} {
		if v := docker.field(key); v.present() {
			v.mistake("needs the Mesos containerizer; fetch a docker configuration for a DOCKER container instead")
		}
	}
}

func (app *App) readVolumes(v value) {
	names := map[string]bool{}
	for element := range v.list() {
		o := element.object()
		path := o.field("containerPath").required("a volume needs its path in the container")
		vol := volume{containerPath: path.nonEmpty("")}
		host, external := o.field("hostPath"), o.field("external")
		persistent, secret := o.field("persistent"), o.field("secret")
		mode := o.field("mode")
		if !secret.present() {
			mode = mode.required("accepted are RO and RW")
		}
		vol.readOnly = mode.oneOf("RW", "RO", "RW") == "RO"
		o.ignore("name", "type")
		o.close()
		switch count(host, external, persistent, secret) {
		case 0:
			if !o.broken {
				o.mistake("needs one of hostPath, external and persistent")
			}
			continue
		case 1:
		default:
			o.mistake("hostPath, external, persistent and secret exclude each other")
			continue
		}
		switch {
		case host.present():
			vol.hostPath = host.nonEmpty("")
		case external.present():
			vol.external = app.readExternalVolume(external, names)
		case persistent.present():
			app.readPersistentVolume(persistent, path, mode, &vol)
		default:
			app.note(secret, "dropped: Marathon passes secrets on to the Mesos containerizer only")
			continue
		}
		app.container.volumes = append(app.container.volumes, vol)
	}
}

func count(values ...value) int {
	n := 0
	for _, v := range values {
		if v.present() {
			n++
		}
	}
	return n
}

const driverOption = "dvdi/driver"

// readExternalVolume reads a volume of a Docker volume driver. names holds those seen so far.
func (app *App) readExternalVolume(v value, names map[string]bool) *externalVolume {
	o := v.object()
	defer o.close()
	o.ignore("shared")
	if provider := o.field("provider").required("accepted is dvdi"); provider.oneOf("", "dvdi", "csi") == "csi" {
		provider.mistake("CSI volumes need the Mesos containerizer")
		o.ignore("name", "options", "size")
		return nil
	}
	name := o.field("name").required("an external volume needs a name")
	vol := &externalVolume{name: name.nonEmpty("")}
	if vol.name != "" && names[vol.name] {
		name.mistake("volume names must be unique")
	}
	names[vol.name] = true
	if size := o.field("size"); size.present() {
		size.mistake("must not be set for a DOCKER container")
	}
	options := o.field("options").required("an external volume needs the option " + driverOption).object()
	vol.driver = options.field(driverOption).required("an external volume needs its driver").str("")
	for key, option := range options.fields() {
		if key != driverOption {
			option.mistake("only %s is accepted for a DOCKER container", driverOption)
		}
	}
	if app.Instances > 1 {
		v.mistake("an app with external volumes can have one instance, not %d", app.Instances)
	}
	return vol
}

func (app *App) readPersistentVolume(v, path, mode value, vol *volume) {
	o := v.object()
	size := o.field("size").required("a persistent volume needs its size in MB")
	vol.persistentMB = size.integer(1, 1, maxInt32)
	o.ignore("type", "maxSize", "profileName", "constraints")
	o.close()
	if vol.readOnly {
		mode.mistake("a persistent volume must be RW")
	}
	if strings.Contains(vol.containerPath, "/") || vol.containerPath == "." || vol.containerPath == ".." {
		path.mistake("the path of a persistent volume is a plain name in the sandbox, without slashes")
	}
	app.note(v, "is a new and empty folder of the sandbox; an agent would mount the volume there and keep it for the next task")
}
