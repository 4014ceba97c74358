package marathon

import (
	"fmt"
	"math"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"mesos-docker-containerizer/internal/strictjson"
)

const maxInt32 = math.MaxInt32

// readApp reads one app and applies the normalisation of Marathon's API to it.
func readApp(o *object, base pathID) App {
	app := App{Instances: o.field("instances").integer(1, 0, maxInt32)}
	app.readID(o, base)
	if kind := o.field("container").peek("type"); kind.present() && kind.oneOf("DOCKER", "DOCKER", "MESOS") == "MESOS" {
		kind.mistake("%v", errOnlyDocker)
		return app // other rules check it, whatever else is wrong with it
	}
	app.readCommand(o)
	app.readResources(o)
	app.readExecutor(o)
	app.labels = o.field("labels").textMap()
	app.readFetch(o)
	app.readContainer(o)
	app.readHealthChecks(o)
	app.readCheck(o)
	app.killGrace = ifPresent(o.field("taskKillGracePeriodSeconds"), func(v value) time.Duration {
		return time.Duration(v.integer(0, 0, maxInt32)) * time.Second
	})

	// Scheduling, upgrades and what the API adds to its answers: nothing of it reaches a task.
	o.ignore("acceptedResourceRoles", "backoffFactor", "backoffSeconds", "constraints", "dependencies", "killSelection",
		"maxLaunchDelaySeconds", "readinessChecks", "residency", "role", "secrets", "unreachableStrategy", "upgradeStrategy",
		"version", "versionInfo", "taskRateLimit",
		"deployments", "lastTaskFailure", "readinessCheckResults", "tasks", "tasksHealthy", "tasksRunning", "tasksStaged",
		"taskStats", "tasksStats", "tasksUnhealthy")
	o.close()
	return app
}

// note records that something in the app has no effect.
func (app *App) note(v value, format string, args ...any) {
	app.Notes = append(app.Notes, v.path+": "+fmt.Sprintf(format, args...))
}

func (app *App) readID(o *object, base pathID) {
	v := o.field("id").required("every app needs an id")
	if !v.present() {
		return
	}
	app.path = readPath(v, base)
	app.ID = app.path.String()
	if len(app.path) == 0 {
		v.mistake("must not be empty or the root")
	}
}

func (app *App) readCommand(o *object) {
	cmd, args := o.field("cmd"), o.field("args")
	app.cmd, app.args = cmd.nonEmpty("; leave it out to run the command of the image"), args.strings()
	if app.cmd != "" && len(app.args) > 0 {
		args.mistake("cmd and args exclude each other")
	}
	app.user = o.field("user").str("")
	app.readEnvironment(o.field("env"))
	if v := o.field("storeUrls"); len(v.strings()) > 0 {
		v.mistake("the artifact store of old Marathons is not supported; name the artifacts in fetch")
	}
}

func (app *App) readEnvironment(v value) {
	for name, variable := range v.object().fields() {
		switch {
		case name == "" || strings.ContainsAny(name, "=\x00"):
			variable.mistake("the name of a variable must not be empty nor contain = or NUL")
		case !variable.present():
			variable.mistake("null is not accepted here; a variable without a value is \"\"")
		case variable.raw[0] == '{':
			secret := variable.object()
			secret.field("secret").required("a variable is a string or names a secret").str("")
			secret.close()
			app.note(variable, "dropped: without a plugin Marathon leaves secrets out of the task's environment")
		default:
			app.env = append(app.env, pair{name, variable.str("")})
		}
	}
}

func (app *App) readResources(o *object) {
	app.cpus = o.field("cpus").number(1, 0)
	app.mem = o.field("mem").number(128, 0)
	app.disk = o.field("disk").number(0, 0)
	if v := o.field("gpus"); v.integer(0, 0, maxInt32) > 0 {
		v.mistake("GPUs need the Mesos containerizer; a DOCKER container cannot have any")
	}
	limits := o.field("resourceLimits").object()
	for _, limit := range []struct {
		name      string
		requested float64
	}{{"cpus", app.cpus}, {"mem", app.mem}} {
		v := limits.field(limit.name)
		if !v.present() {
			continue
		}
		if app.limits == nil {
			app.limits = map[string]float64{}
		}
		app.limits[limit.name] = readLimit(v, limit.requested)
	}
	limits.close()
}

func readLimit(v value, requested float64) float64 {
	if v.raw[0] == '"' {
		v.oneOf("", "unlimited")
		return math.Inf(1)
	}
	limit := v.number(math.Inf(1), math.Inf(-1))
	if limit < requested {
		v.mistake("a limit must not be below what the app requests, %v", requested)
	}
	return limit
}

func (app *App) readExecutor(o *object) {
	v := o.field("executor")
	app.executor = v.str("")
	if app.executor == "//cmd" {
		app.executor = ""
	}
	if strings.ContainsRune(app.executor, '\'') {
		v.mistake("a path with a quote breaks the shell command that Marathon builds from it")
	}
	v = o.field("executorResources")
	if !v.present() {
		return
	}
	resources := v.object()
	app.executorResources = &executorResources{
		cpus: resources.field("cpus").number(0.1, 0.1),
		mem:  resources.field("mem").number(32, 32),
		disk: resources.field("disk").number(10, 10),
	}
	resources.close()
}

func (app *App) readFetch(o *object) {
	uris, fetch := o.field("uris"), o.field("fetch")
	old, current := slices.Collect(uris.list()), slices.Collect(fetch.list())
	var oldURIs []string
	for _, v := range old {
		oldURIs = append(oldURIs, readURI(v))
	}
	for _, v := range current {
		item := v.object()
		a := artifact{
			uri:        readURI(item.field("uri").required("an artifact needs its URI")),
			extract:    item.field("extract").boolean(true),
			executable: item.field("executable").boolean(false),
			cache:      item.field("cache").boolean(false),
			outputFile: item.field("outputFile").str(""), // Marathon 1.4
		}
		a.outputFile = item.field("destPath").str(a.outputFile)
		item.close()
		app.fetch = append(app.fetch, a)
	}
	if len(current) > 0 {
		// Marathon 0.15 to 1.4 answers with both.
		same := slices.EqualFunc(oldURIs, app.fetch, func(uri string, a artifact) bool { return uri == a.uri })
		if len(old) > 0 && !same {
			uris.mistake("uris and fetch are the old and the new form of the same, and they differ; give one")
		}
		return
	}
	for _, uri := range oldURIs {
		app.fetch = append(app.fetch, artifact{uri: uri, extract: isArchive(uri)})
	}
}

// readURI accepts what java.net.URI does, which is how Marathon validates. The URI stays out of the message: it may carry a password.
func readURI(v value) string {
	uri := v.str("")
	_, err := url.Parse(uri)
	switch {
	case !v.present():
	case uri == "":
		v.mistake("must not be empty")
	case len(uri) > 1024:
		v.mistake("longer than 1024 characters")
	case err != nil || strings.ContainsAny(uri, " \"<>\\^`{|}"):
		v.mistake("not a valid URI")
	}
	return uri
}

// archiveSuffixes are the names that the Mesos fetcher knows how to extract.
var archiveSuffixes = []string{".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".gz", ".tgz", ".tbz2", ".txz", ".zip"}

// isArchive decides for the old form, uris, whether an artifact is extracted.
func isArchive(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil {
		return false
	}
	name := path.Base(u.Path)
	return slices.ContainsFunc(archiveSuffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

// pathID is an absolute Marathon id, "/a/b", as its segments.
type pathID []string

// resolvePath reads an id relative to the group it stands in: "b" in group /a is /a/b, "../b" is /b (Marathon's PathId).
func resolvePath(base pathID, id string) pathID {
	var resolved pathID
	if !strings.HasPrefix(id, "/") {
		resolved = slices.Clone(base)
	}
	for segment := range strings.SplitSeq(id, "/") {
		switch segment {
		case "", ".":
		case "..":
			resolved = resolved[:max(len(resolved)-1, 0)]
		default:
			resolved = append(resolved, segment)
		}
	}
	return resolved
}

func (p pathID) String() string { return "/" + strings.Join(p, "/") }

// safe is the form Marathon uses in task ids and persistent volume ids.
func (p pathID) safe() string { return strings.Join(p, "_") }

// hostname is the reversed form Marathon uses as task name, so that DNS based discovery can publish it.
func (p pathID) hostname() string {
	reversed := slices.Clone(p)
	slices.Reverse(reversed)
	return strings.Join(reversed, ".")
}

var (
	pathSegment = regexp.MustCompile(`^(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$`)

	// reservedSegments collide with Marathon's own URLs when an id ends with them.
	reservedSegments = []string{"restart", "tasks", "versions"}
)

// readPath reads the id of an app or a group and resolves it against the group around it.
func readPath(v value, base pathID) pathID {
	id := resolvePath(base, v.str(""))
	if n := len(base); n > 0 && (len(id) != n+1 || !slices.Equal(id[:n], base)) {
		v.mistake("%s is no child of the group %s around it", strictjson.Shorten(id.String()), base)
		return id
	}
	for _, segment := range id {
		if !pathSegment.MatchString(segment) {
			v.mistake("%q is no valid part of an id: lower case letters, digits, dots and inner dashes are accepted", strictjson.Shorten(segment))
			return id
		}
	}
	if n := len(id); n > 0 && slices.Contains(reservedSegments, id[n-1]) {
		v.mistake("must not end with any of %s", strings.Join(reservedSegments, ", "))
	}
	return id
}
