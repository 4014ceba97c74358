package marathon

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/internal/strictjson"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-multierror"
)

// mistakesOf returns what Parse finds wrong, one line each.
func mistakesOf(t *testing.T, document string) []string {
	t.Helper()
	_, err := Parse([]byte(document))
	if err == nil {
		return nil
	}
	var list *multierror.Error
	if !errors.As(err, &list) {
		return []string{err.Error()}
	}
	var lines []string
	for _, mistake := range list.Errors {
		lines = append(lines, mistake.Error())
	}
	return lines
}

func volumes(list string) string {
	return `{"id":"a","container":{"docker":{"image":"i"},"volumes":[` + list + `]}}`
}

func external(fields string) string {
	return volumes(`{"containerPath":"/d","mode":"RW","external":{` + fields + `}}`)
}

const oneForm = " are the new and the old form of the same, and they differ; give one"

// mistakeTests has one mistake a line; each is reported once, at its place, and nothing follows from it.
var mistakeTests = []struct{ document, want string }{
	// Shape.
	{`7`, "document: expected an app, a list of apps or a group"},
	{`null`, "document: expected an app, a list of apps or a group"},
	{`[]`, "document: no app in it"},
	{`{"apps":[]}`, "document: no app in it"},
	{`[7]`, "/0: expected an object, found a number"},
	{`[null]`, "/0: null is not accepted here"},
	{docker(`"cpus":"1"`), "/cpus: expected a number, found a string"},
	{docker(`"mem":-1`), "/mem: -1 is too small: at least 0"},
	{docker(`"mem":1e999`), "/mem: 1e999 is beyond the range of a number"},
	{docker(`"instances":1.5`), "/instances: 1.5 is not a whole number"},
	{docker(`"instances":-1`), "/instances: -1 is out of range: accepted are 0 to 2147483647"},
	{docker(`"user":{}`), "/user: expected a string, found an object"},
	{docker(`"tty":"yes"`), "/tty: expected true or false, found a string"},
	{docker(`"args":"a"`), "/args: expected a list, found a string"},
	{docker(`"args":[null]`), "/args/0: null is not accepted here"},
	{docker(`"args":[true]`), "/args/0: expected a string, found true or false"},
	{docker(`"cmd":"a\u0000b"`), "/cmd: contains a NUL character, which no process, path or variable can carry"},
	{docker(`"env":[]`), "/env: expected an object, found a list"},
	{`{"id":"a","id":"b","container":{"docker":{"image":"i"}}}`, "/id: this key appears more than once in its object"},
	{docker(`"constraints":[{"a":{"b":1,"b":2}}]`), "/constraints/0/a/b: this key appears more than once in its object"},
	{docker(`"contraints":[]`), `/contraints: unknown key; did you mean "constraints"?`},
	{docker(`"CPUS":1`), `/CPUS: unknown key; did you mean "cpus"?`},
	{docker(`"zzz":1`), "/zzz: unknown key"},
	{docker(`"` + strings.Repeat("é", 200) + `":1`), "/" + strings.Repeat("é", 40) + "…: unknown key"},
	{docker(`"a/b~c":1`), "/a~1b~0c: unknown key"},
	{`{"id":"a","container":{"docker":{"image":"i"},"portMapings":[]}}`, `/container/portMapings: unknown key; did you mean "portMappings"?`},
	{`{"id":"a","container":{"docker":{"image":"i","forcePullImages":true}}}`, `/container/docker/forcePullImages: unknown key; did you mean "forcePullImage"?`},

	// Ids.
	{`{"container":{"docker":{"image":"i"}}}`, "/id: missing: every app needs an id"},
	{`{"id":"/","container":{"docker":{"image":"i"}}}`, "/id: must not be empty or the root"},
	{`{"id":"/a/B","container":{"docker":{"image":"i"}}}`, `/id: "B" is no valid part of an id: lower case letters, digits, dots and inner dashes are accepted`},
	{`{"id":"/a/tasks","container":{"docker":{"image":"i"}}}`, "/id: must not end with any of restart, tasks, versions"},
	{`[` + docker("") + `,` + docker("") + `]`, "/1/id: /g/a is already the id of /0"},
	{`{"id":"/x","apps":[` + docker("") + `]}`, "/apps/0/id: /g/a is no child of the group /x around it"},
	{`{"id":"/g/h","enforceRole":true,"apps":[{"id":"a","container":{"docker":{"image":"i"}}}]}`, "/enforceRole: only a top-level group decides this, and /g/h is none"},
	{`{"id":"/g","pods":[{}]}`, "/pods/0: pods need the Mesos containerizer; only apps with a container of type DOCKER can be run"},
	{`{"id":"/p","containers":[{"name":"c"}]}`, "document: pods need the Mesos containerizer; only apps with a container of type DOCKER can be run"},
	{`{"id":"/p","scaling":{},"containers":[]}`, "document: pods need the Mesos containerizer; only apps with a container of type DOCKER can be run"},
	{`[{"id":"/p","spec":{"id":"/p","containers":[]},"status":"STABLE"}]`, "/0: pods need the Mesos containerizer; only apps with a container of type DOCKER can be run"},
	{`{"app":"/a","action":"StartApplication"}`, "/app: only names an app, as deployments do; expected its definition"},
	{`{"app":{"container":{"docker":{"image":"i"}}}}`, "/app/id: missing: every app needs an id"},
	{`{"id":"/g","apps":[],"app":[]}`, `/app: unknown key; did you mean "apps"?`},

	// Container.
	{`{"id":"a"}`, "/container: missing: only apps with a container of type DOCKER can be run"},
	{`{"id":"a","container":{"type":"MESOS","linuxInfo":{}},"gpus":1}`, "/container/type: only apps with a container of type DOCKER can be run"},
	{`{"id":"a","container":{"type":"LXC","docker":{"image":"i"}}}`, `/container/type: "LXC" is unknown: accepted are DOCKER, MESOS`},
	{`{"id":"a","container":{}}`, "/container/docker: missing: a container of type DOCKER names its image here"},
	{`{"id":"a","container":7}`, "/container: expected an object, found a number"},
	{`{"id":"a","container":{"docker":{}}}`, "/container/docker/image: missing: a DOCKER container needs an image"},
	{`{"id":"a","container":{"docker":{"image":""}}}`, "/container/docker/image: must not be empty"},
	{`{"id":"a","container":{"docker":{"image":"i","parameters":[{"value":"x"}]}}}`, "/container/docker/parameters/0/key: missing: a parameter is an option of docker run, without dashes"},
	{`{"id":"a","container":{"docker":{"image":"i","parameters":[{"key":"x"}]}}}`, `/container/docker/parameters/0/value: missing: a parameter without a value is ""`},
	{`{"id":"a","container":{"docker":{"image":"i","parameters":[{"key":"","value":""}]}}}`, "/container/docker/parameters/0/key: must not be empty"},
	{`{"id":"a","container":{"docker":{"image":"i","pullConfig":{"secret":"s"}}}}`, "/container/docker/pullConfig: needs the Mesos containerizer; fetch a docker configuration for a DOCKER container instead"},
	{`{"id":"a","container":{"docker":{"image":"i","credential":{"principal":"s"}}}}`, "/container/docker/credential: needs the Mesos containerizer; fetch a docker configuration for a DOCKER container instead"},
	{`{"id":"a","container":{"docker":{"image":"i"},"linuxInfo":{}}}`, "/container/linuxInfo: needs the Mesos containerizer; for a DOCKER container use docker parameters"},
	{docker(`"gpus":1`), "/gpus: GPUs need the Mesos containerizer; a DOCKER container cannot have any"},

	// Command.
	{docker(`"cmd":"c","args":["a"]`), "/args: cmd and args exclude each other"},
	{docker(`"cmd":""`), "/cmd: must not be empty; leave it out to run the command of the image"},
	{`{"id":"a","executor":"//cmd","cmd":"x"}`, "/container: missing: only apps with a container of type DOCKER can be run"},
	{`{"id":"a","executor":"/x","cmd":"x","networks":[{"mode":"container/bridge"}]}`, "/networks: an app without a container has the host's network"},
	{`{"id":"a","executor":"/x","cmd":"x","ipAddress":{"networkName":"n"}}`, "/ipAddress: an app without a container has the host's network"},
	{docker(`"executor":"/it's"`), "/executor: a path with a quote breaks the shell command that Marathon builds from it"},
	{docker(`"executorResources":{"mem":1}`), "/executorResources/mem: 1 is too small: at least 32"},
	{docker(`"env":{"A":1}`), "/env/A: expected a string, found a number"},
	{docker(`"env":{"A":null}`), `/env/A: null is not accepted here; a variable without a value is ""`},
	{docker(`"env":{"A=B":""}`), "/env/A=B: the name of a variable must not be empty nor contain = or NUL"},
	{docker(`"env":{"A":{}}`), "/env/A/secret: missing: a variable is a string or names a secret"},
	{docker(`"labels":{"a":1}`), "/labels/a: expected a string, found a number"},
	{docker(`"storeUrls":["http://x"]`), "/storeUrls: the artifact store of old Marathons is not supported; name the artifacts in fetch"},
	{docker(`"uris":["a"],"fetch":[{"uri":"b"}]`), "/uris: uris and fetch are the old and the new form of the same, and they differ; give one"},
	{docker(`"uris":["http://u:p w@h"]`), "/uris/0: not a valid URI"},
	{docker(`"uris":[""]`), "/uris/0: must not be empty"},
	{docker(`"fetch":[{"extract":true}]`), "/fetch/0/uri: missing: an artifact needs its URI"},
	{docker(`"fetch":[{"uri":"` + strings.Repeat("a", 1025) + `"}]`), "/fetch/0/uri: longer than 1024 characters"},
	{docker(`"resourceLimits":{"cpus":0.5}`), "/resourceLimits/cpus: a limit must not be below what the app requests, 1"},
	{docker(`"resourceLimits":{"mem":"none"}`), `/resourceLimits/mem: "none" is unknown: accepted are unlimited`},
	{docker(`"taskKillGracePeriodSeconds":-1`), "/taskKillGracePeriodSeconds: -1 is out of range: accepted are 0 to 2147483647"},

	// Network.
	{`{"id":"a","networks":[{"mode":"container/bridge"}],"container":{"docker":{"image":"i","network":"HOST"}}}`, "/container/docker/network: networks and container.docker.network" + oneForm},
	{docker(`"networks":[{"mode":"host"}],"ipAddress":{}`), "/ipAddress: networks and ipAddress" + oneForm},
	{docker(`"networks":[{"mode":"bridge"}]`), `/networks/0/mode: "bridge" is unknown: accepted are host, container/bridge, container`},
	{docker(`"networks":[{}]`), "/networks/0/name: missing: a container network needs its name"},
	{docker(`"networks":[{"name":"a"},{"name":"b"}]`), "/networks/1: a DOCKER container can have one network only"},
	{docker(`"networks":[{"mode":"host","name":"x"}]`), "/networks/0: the host network has neither name nor labels"},
	{docker(`"networks":[{"mode":"container/bridge","name":"x"}]`), "/networks/0/name: the bridge network has no name"},
	{`{"id":"a","container":{"docker":{"image":"i","network":"USER"}}}`, "/container/docker/network: a USER network needs its name, in ipAddress.networkName or as networks: [{mode: container, name: …}]"},
	{docker(`"ipAddress":{}`), "/ipAddress: networkName is missing: a user network needs its name"},
	{docker(`"ipAddress":{"networkName":"n","discovery":{"ports":[{}]}}`), "/ipAddress/discovery/ports: not allowed for a DOCKER container; use portMappings"},

	// Ports.
	{bridge(`[{"containerPort":65536}]`, ""), "/container/portMappings/0/containerPort: 65536 is out of range: accepted are 0 to 65535"},
	{bridge(`[{},{"hostPort":-1}]`, ""), "/container/portMappings/1/hostPort: -1 is out of range: accepted are 0 to 65535"},
	{bridge(`[{"hostPort":"80"}]`, ""), "/container/portMappings/0/hostPort: expected a number, found a string"},
	{bridge(`[{"protocol":"sctp"}]`, ""), `/container/portMappings/0/protocol: "sctp" is unknown: accepted are tcp, udp, udp,tcp, tcp,udp`},
	{bridge(`[{"name":"a"},{"name":"a"}]`, ""), `/container/portMappings/1/name: port names must be unique, and "a" appears twice`},
	{bridge(`[{"name":"A"}]`, ""), "/container/portMappings/0/name: the name of a port consists of lower case letters, digits and dashes"},
	{bridge(`[{"networkNames":["x"]}]`, ""), "/container/portMappings/0/networkNames/0: the app is in no network of that name"},
	{bridge(`[{"hostPort":8080},{"hostPort":8080,"protocol":"udp,tcp"}]`, ""), "/container/portMappings/1/hostPort: host port 8080/tcp is already mapped by /container/portMappings/0"},
	{`{"id":"a","container":{"portMappings":[],"docker":{"image":"i","network":"BRIDGE","portMappings":[{}]}}}`, "/container/docker/portMappings: container.portMappings and container.docker.portMappings" + oneForm},
	{docker(`"ports":[1,1]`), "/ports/1: ports must be unique, and 1 appears twice"},
	{docker(`"portDefinitions":[{"port":1},{"port":1}]`), "/portDefinitions/1/port: ports must be unique, and 1 appears twice"},
	{docker(`"portDefinitions":[{"name":"a"},{"name":"a"}]`), `/portDefinitions/1/name: port names must be unique, and "a" appears twice`},
	{docker(`"portDefinitions":[{"port":1}],"ports":[2]`), "/ports: ports and portDefinitions are the old and the new form of the same, and they differ; give one"},
	{docker(`"ports":[0],"ipAddress":{"networkName":"n"}`), "/ipAddress: an app with an IP address of its own has no ports on the host; use portMappings"},
	{docker(`"ports":[` + strings.Repeat("0,", maxPorts) + `0]`), "/ports: more than 10000 ports"},

	// Volumes.
	{volumes(`{"hostPath":"/h","mode":"RO"}`), "/container/volumes/0/containerPath: missing: a volume needs its path in the container"},
	{volumes(`{"containerPath":"/c","hostPath":"","mode":"RO"}`), "/container/volumes/0/hostPath: must not be empty"},
	{volumes(`{"containerPath":"/c","hostPath":"/h"}`), "/container/volumes/0/mode: missing: accepted are RO and RW"},
	{volumes(`{"containerPath":"/c","hostPath":"/h","mode":"X"}`), `/container/volumes/0/mode: "X" is unknown: accepted are RO, RW`},
	{volumes(`{"containerPath":"/c","mode":"RO"}`), "/container/volumes/0: needs one of hostPath, external and persistent"},
	{volumes(`{"containerPath":"/c","mode":"RW","hostPath":"/h","persistent":{"size":1}}`), "/container/volumes/0: hostPath, external, persistent and secret exclude each other"},
	{volumes(`{"containerPath":"/c","mode":"RW","persistent":{"size":1}}`), "/container/volumes/0/containerPath: the path of a persistent volume is a plain name in the sandbox, without slashes"},
	{volumes(`{"containerPath":"c","mode":"RO","persistent":{"size":1}}`), "/container/volumes/0/mode: a persistent volume must be RW"},
	{volumes(`{"containerPath":"c","mode":"RW","persistent":{"size":0}}`), "/container/volumes/0/persistent/size: 0 is out of range: accepted are 1 to 2147483647"},
	{external(`"name":"v","provider":"csi","options":{}`), "/container/volumes/0/external/provider: CSI volumes need the Mesos containerizer"},
	{external(`"name":"v","provider":"dvdi"`), "/container/volumes/0/external/options: missing: an external volume needs the option dvdi/driver"},
	{external(`"name":"v","provider":"dvdi","options":{}`), "/container/volumes/0/external/options/dvdi~1driver: missing: an external volume needs its driver"},
	{external(`"name":"v","provider":"dvdi","options":{"dvdi/driver":"d","dvdi/size":"1"}`), "/container/volumes/0/external/options/dvdi~1size: only dvdi/driver is accepted for a DOCKER container"},
	{external(`"name":"v","size":1,"provider":"dvdi","options":{"dvdi/driver":"d"}`), "/container/volumes/0/external/size: must not be set for a DOCKER container"},
	{volumes(strings.Repeat(`,{"containerPath":"/d","mode":"RW","external":{"name":"v","provider":"dvdi","options":{"dvdi/driver":"d"}}}`, 2)[1:]), "/container/volumes/1/external/name: volume names must be unique"},
	{external(`"name":"","provider":"dvdi","options":{"dvdi/driver":"d"}`), "/container/volumes/0/external/name: must not be empty"},
	{strings.Replace(external(`"name":"v","provider":"dvdi","options":{"dvdi/driver":"d"}`), `"id":"a"`, `"id":"a","instances":2`, 1), "/container/volumes/0/external: an app with external volumes can have one instance, not 2"},

	// Checks.
	{docker(`"healthChecks":[{"protocol":"COMMAND"}]`), "/healthChecks/0/command: missing: a COMMAND health check needs its command"},
	{docker(`"healthChecks":[{"protocol":"COMMAND","command":{}}]`), "/healthChecks/0/command/value: missing: the shell command"},
	{docker(`"healthChecks":[{"command":{"value":"x"}}]`), "/healthChecks/0/command: only a COMMAND health check has a command, and this one is HTTP"},
	{docker(`"healthChecks":[{"protocol":"COMMAND","path":"/","command":{"value":"x"}}]`), "/healthChecks/0/path: a COMMAND health check has neither path nor port"},
	{docker(`"healthChecks":[{"protocol":"MESOS_TCP"},{"protocol":"MESOS_TCP"}]`), "/healthChecks/1: an app can have one Mesos health check only"},
	{docker(`"healthChecks":[{"portIndex":1}]`), "/healthChecks/0/portIndex: 1 is out of range: the app has 1 port(s), counted from 0"},
	{docker(`"ports":[],"healthChecks":[{}]`), "/healthChecks/0: needs a port: the app has none that portIndex could name"},
	{docker(`"healthChecks":[{"port":1,"portIndex":0}]`), "/healthChecks/0: port and portIndex exclude each other"},
	{docker(`"healthChecks":[{"protocol":"TCP","ipProtocol":"IPv6"}]`), "/healthChecks/0/ipProtocol: IPv6 is for the protocols MESOS_HTTP, MESOS_HTTPS and MESOS_TCP only"},
	{docker(`"healthChecks":[{"protocol":"MESOS_HTTP","path":"x"}]`), "/healthChecks/0/path: the path of an HTTP check begins with /"},
	{docker(`"healthChecks":[{"intervalSeconds":-1}]`), "/healthChecks/0/intervalSeconds: -1 is out of range: accepted are 0 to 2147483647"},
	{docker(`"check":{}`), "/check: needs exactly one of http, tcp and exec"},
	{docker(`"check":{"http":{"scheme":"HTTPS"}}`), "/check/http/scheme: Mesos checks HTTP only; a health check can use HTTPS"},
	{docker(`"check":{"tcp":{"portIndex":3}}`), "/check/tcp/portIndex: 3 is out of range: the app has 1 port(s), counted from 0"},
	{docker(`"check":{"exec":{}}`), "/check/exec/command: missing: the command, as {shell: …} or {argv: […]}"},
	{docker(`"check":{"exec":{"command":{}}}`), "/check/exec/command: needs exactly one of shell and argv"},
	{docker(`"check":{"exec":{"command":{"argv":[]}}}`), "/check/exec/command: must not be empty"},
}

func TestMistakes(t *testing.T) {
	for _, test := range mistakeTests {
		if diff := cmp.Diff([]string{test.want}, mistakesOf(t, test.document)); diff != "" {
			t.Errorf("%.200s: want (-), got (+):\n%s", test.document, diff)
		}
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	got := mistakesOf(t, `{"id":"/g","apps":[
		{"id":"a","cmd":"x","args":["y"],"instances":-1,"container":{"docker":{"image":"","network":"BRIDGE","portMapings":[]}}},
		{"id":"b","container":{"type":"MESOS"}},
		{"id":"c","container":{"docker":{"image":"i","network":"BRIDGE","portMappings":[{"containerPort":"80"}]}},"mem":"1"}]}`)
	want := []string{
		"/apps/0/instances: -1 is out of range: accepted are 0 to 2147483647",
		"/apps/0/args: cmd and args exclude each other",
		"/apps/0/container/docker/image: must not be empty",
		`/apps/0/container/docker/portMapings: unknown key; did you mean "portMappings"?`,
		"/apps/1/container/type: only apps with a container of type DOCKER can be run",
		"/apps/2/mem: expected a number, found a string",
		"/apps/2/container/docker/portMappings/0/containerPort: expected a number, found a string",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestMistakesAsText(t *testing.T) {
	_, err := Parse([]byte(docker(`"cpus":-1`)))
	if want := "/cpus: -1 is too small: at least 0"; err == nil || err.Error() != want {
		t.Errorf("one: %v, want %s", err, want)
	}
	_, err = Parse([]byte(docker(`"cpus":-1,"mem":-1`)))
	if want := "2 mistakes:\n  /cpus: -1 is too small: at least 0\n  /mem: -1 is too small: at least 0"; err == nil || err.Error() != want {
		t.Errorf("two: %v, want %s", err, want)
	}
	var mistake *strictjson.Mistake
	if !errors.As(err, &mistake) || mistake.Path != "/cpus" {
		t.Errorf("the first mistake is %v", mistake)
	}
}

func TestSyntaxErrors(t *testing.T) {
	tests := []struct {
		document     string
		line, column int
		text         string
	}{
		{"", 1, 1, "there is nothing in it"},
		{" \n", 1, 1, "there is nothing in it"},
		{"{\n  \"id\": \"a\",\n}", 2, 12, "a comma is here with nothing but } behind it"},
		{"{\"args\": [\"a\" , ]}", 1, 15, "a comma is here with nothing but ] behind it"},
		{"{\"a\": [,]}", 1, 8, "a comma is here where a key or a value belongs"},
		{"{\n  // image\n  \"id\": \"a\"}", 2, 3, "a comment (//) is here"},
		{"{\"id\": /* name */ \"a\"}", 1, 8, "a comment (/*) is here"},
		{"{\"id\": \"a\" # name\n}", 1, 12, "a comment (#) is here"},
		{"{\"id\": 'a'}", 1, 8, "a single quote is here"},
		{"{\"id\": \"a\", ...}", 1, 13, "three dots are here"},
		{"{\"mem\": {{ mem }}}", 1, 10, "the placeholder of a template is here"},
		{"{\"mem\": ${MEM}}", 1, 9, "the placeholder of a template is here"},
		{"{\n  \"id\": \"a\"\n  \"cmd\": 1}", 3, 3, "a comma or a colon is missing before this"},
		{"[{} {}]", 1, 5, "a comma or a colon is missing before this"},
		{"{} x", 1, 4, "invalid character 'x' after top-level value"},
		{"{\"a\":", 1, 6, "the text ends before the document does"},
		{"[\n\n1,", 3, 3, "the text ends before the document does"},
		{"[\"a\nb\"]", 1, 4, "invalid character '\\n' in string"},
		{"{\"a\":\"\xff\"}", 1, 7, "not valid UTF-8"},
		{"\xff", 1, 1, "not valid UTF-8"},
		{strings.Repeat("[", 20000), 1, 10001, "exceeded max depth"},
	}
	for _, test := range tests {
		_, err := Parse([]byte(test.document))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.40q: %v is no SyntaxError", test.document, err)
			continue
		}
		if syntax.Line != test.line || syntax.Column != test.column || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%.40q: %v, want line %d, column %d, %s", test.document, err, test.line, test.column, test.text)
		}
		if prefix := fmt.Sprintf("line %d, column %d: ", test.line, test.column); !strings.HasPrefix(err.Error(), prefix) {
			t.Errorf("%.40q: %v does not begin with %q", test.document, err, prefix)
		}
	}
}

func TestForms(t *testing.T) {
	const c = `"container":{"docker":{"image":"i"}}`
	tests := []struct {
		name, document string
		want           []string
	}{
		{"one app", `{"id":"a",` + c + `}`, []string{"/a"}},
		{"byte order mark", "\ufeff" + ` {"id":"a",` + c + `} `, []string{"/a"}},
		{"list", `[{"id":"/a/b",` + c + `},{"id":"c",` + c + `}]`, []string{"/a/b", "/c"}},
		{"list of groups", `[{"id":"/g","apps":[{"id":"a",` + c + `}]},{"id":"b",` + c + `}]`, []string{"/g/a", "/b"}},
		{"answer of the API", `{"apps":[{"id":"/x/y","tasksRunning":1,"deployments":[],"versionInfo":{},` + c + `}]}`, []string{"/x/y"}},
		{
			"nested groups", `{"id":"/g","version":"v","dependencies":["/z"],"apps":[{"id":"a",` + c + `},{"id":"/g/b","dependencies":["a"],` + c + `}],
			"groups":[{"id":"h","groups":[{"id":"i/","apps":[{"id":"./c",` + c + `},{"id":"../i/d",` + c + `}]}]}]}`,
			[]string{"/g/a", "/g/b", "/g/h/i/c", "/g/h/i/d"},
		},
		{"root group", `{"id":"/","groups":[{"id":"g","apps":[{"id":"a",` + c + `}]}]}`, []string{"/g/a"}},
		{"dots", `{"id":"/a.b/x-1.y",` + c + `}`, []string{"/a.b/x-1.y"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			apps, err := Parse([]byte(test.document))
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, app := range apps {
				ids = append(ids, app.ID)
				if app.Instances != 1 {
					t.Errorf("%s has %d instances", app.ID, app.Instances)
				}
			}
			if !slices.Equal(ids, test.want) {
				t.Errorf("ids %v, want %v", ids, test.want)
			}
		})
	}
}

// TestNoInfluence has every key that Marathon knows and a task never shows.
func TestNoInfluence(t *testing.T) {
	keys := `"acceptedResourceRoles":["*"],"backoffFactor":1.15,"backoffSeconds":1,"constraints":[["hostname","UNIQUE"]],
		"dependencies":["/x"],"killSelection":"YOUNGEST_FIRST","maxLaunchDelaySeconds":3600,"readinessChecks":[{}],"residency":{},
		"role":"r","secrets":{},"unreachableStrategy":"disabled","upgradeStrategy":{"minimumHealthCapacity":1},"version":"2020",
		"versionInfo":{},"taskRateLimit":1,"tasks":[],"storeUrls":[],"instances":0,"gpus":0`
	apps, err := Parse([]byte(docker(keys)))
	if err != nil {
		t.Fatal(err)
	}
	if apps[0].Instances != 0 {
		t.Errorf("instances is %d", apps[0].Instances)
	}
	plain := string(marshal(t, taskOf(t, docker(""))))
	if got := string(marshal(t, taskOf(t, docker(keys)))); got != plain {
		t.Errorf("they change the task:\n%s\n%s", plain, got)
	}
}

func TestNotes(t *testing.T) {
	apps, err := Parse([]byte(`[{"id":"a","env":{"S":{"secret":"x"}},"healthChecks":[{"path":"/"}],"container":{"docker":{"image":"i"},
		"portMappings":[{}],"volumes":[{"containerPath":"c","mode":"RO","secret":"x"}]}}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/0/env/S: dropped: without a plugin Marathon leaves secrets out of the task's environment",
		"/0/container/volumes/0/secret: dropped: Marathon passes secrets on to the Mesos containerizer only",
		"/0/container/portMappings: dropped: the host network maps no ports",
		"/0/healthChecks/0: not part of the task: Marathon performs HTTP health checks itself, from its own host; MESOS_HTTP is part of it",
	}
	if diff := cmp.Diff(want, apps[0].Notes); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// TestSecretsStayOut makes mistakes next to values that must not be shown.
func TestSecretsStayOut(t *testing.T) {
	const secret = "hunter2"
	for _, fields := range []string{
		`"env":{"A":["hunter2"]}`, `"env":{"A":{"secret":"s","x":"hunter2"}}`, `"uris":["http://u:hunter2@h/ x"]`,
		`"cmd":"a hunter2\u0000"`, `"args":[{"a":"hunter2"}]`, `"cpus":"hunter2"`, `"cmd":"hunter2","args":["hunter2"]`,
	} {
		lines := mistakesOf(t, docker(fields))
		if len(lines) == 0 {
			t.Errorf("%s: no mistake", fields)
		}
		if text := strings.Join(lines, "\n"); strings.Contains(text, secret) {
			t.Errorf("%s: %s", fields, text)
		}
	}
}

// TestHugeDocuments feeds whatever costs most and expects an answer, whatever it is, in reasonable time. Where the cost is in the
// number of things, 256 kB of them show as well as megabytes whether it grows with their square.
func TestHugeDocuments(t *testing.T) {
	const size, many = 2 << 20, 1 << 18
	fill := func(unit string) string { return strings.TrimSuffix(strings.Repeat(unit, many/len(unit)), ",") }
	distinct := func(size int) string {
		var list strings.Builder
		for i := 0; list.Len() < size; i++ {
			fmt.Fprintf(&list, `"k%d":"",`, i)
		}
		return strings.TrimSuffix(list.String(), ",")
	}
	deep := strings.Repeat(`{"groups":[`, 29) + `{"apps":[` + docker(`"cmd":"`+strings.Repeat("x", size)+`"`) + `]}` + strings.Repeat("]}", 29)
	for name, test := range map[string]struct {
		document string
		ok       bool
	}{
		"numbers":      {`[` + fill("0,") + `]`, false},
		"unknown keys": {`{` + distinct(many) + `}`, false},
		"env":          {docker(`"env":{` + distinct(size) + `}`), true},
		"labels":       {docker(`"labels":{` + distinct(many) + `}`), true},
		"args":         {docker(`"args":[` + fill(`"",`) + `]`), true},
		"mappings":     {bridge(`[`+fill(`{},`)+`]`, ""), false},
		"volumes":      {volumes(fill(`{},`)), false},
		"nested":       {docker(`"constraints":` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000)), false},
		"deep groups":  {deep, true},
		"too deep":     {`{"groups":[` + deep + `,` + deep + `]}`, false},
		"one string":   {docker(`"cmd":"` + strings.Repeat(`\"`, size/2) + `"`), true},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			apps, err := Parse([]byte(test.document))
			if (err == nil) != test.ok {
				t.Errorf("error is %.300v", err)
			}
			var list *multierror.Error
			if errors.As(err, &list) && len(list.Errors) > maxMistakes+1 {
				t.Errorf("%d mistakes are more than anybody reads", len(list.Errors))
			}
			if err == nil {
				if _, err := Build(apps[0], exampleOffer(t, "31000")); err != nil {
					t.Error(err)
				}
			}
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}
