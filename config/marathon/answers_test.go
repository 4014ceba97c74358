package marathon

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Versions are 100 times the major number and the minor: 0.7 is 7, 1.10 is 110.
const latest = 111

// answerKeys are the keys that Marathon's API writes into an app, taken from its writers (0.7: the case classes, 0.8 to 1.4:
// Formats.scala, since 1.5: the RAML types), each with the versions that write it and a value as they do. null stands for the
// versions that write null for what is absent.
var answerKeys = []struct {
	since, until int
	path, value  string
}{
	{7, latest, "id", `"/g/a"`},
	{7, latest, "cmd", `"true"`},
	{7, 104, "args", `null`},
	{7, 104, "user", `null`},
	{7, latest, "env", `{"A":"b"}`},
	{103, latest, "env/B", `{"secret":"s"}`},
	{7, latest, "instances", `1`},
	{7, latest, "cpus", `0.1`},
	{7, latest, "mem", `32`},
	{7, latest, "disk", `0`},
	{103, latest, "gpus", `0`},
	{7, latest, "executor", `""`},
	{7, latest, "constraints", `[["hostname","UNIQUE"]]`},
	{7, 104, "uris", `["http://h/a.tgz"]`},
	{15, latest, "fetch", `[{"uri":"http://h/a.tgz","extract":true,"executable":false,"cache":false}]`},
	{103, 104, "fetch/0/outputFile", `null`},
	{105, latest, "fetch/0/destPath", `"a"`},
	{7, 104, "storeUrls", `[]`},
	{7, latest, "backoffSeconds", `1`},
	{7, latest, "backoffFactor", `1.15`},
	{8, latest, "maxLaunchDelaySeconds", `3600`},
	{7, latest, "dependencies", `[]`},
	{7, latest, "upgradeStrategy", `{"minimumHealthCapacity":1,"maximumOverCapacity":1}`},
	{8, latest, "labels", `{"l":"1"}`},
	{9, 15, "acceptedResourceRoles", `null`},
	{101, latest, "acceptedResourceRoles", `["*"]`},
	{15, 104, "ipAddress", `null`},
	{101, 104, "residency", `null`},
	{105, 106, "residency", `{"relaunchEscalationTimeoutSeconds":3600,"taskLostBehavior":"WAIT_FOREVER"}`},
	{7, 104, "ports", `[10000]`},
	{101, 104, "portDefinitions", `[{"port":10000,"protocol":"tcp","labels":{}}]`},
	{7, latest, "requirePorts", `false`},
	{7, latest, "version", `"2015-06-01T08:00:00.000Z"`},
	{11, latest, "versionInfo", `{"lastScalingAt":"2015-06-01T08:00:00.000Z","lastConfigChangeAt":"2015-06-01T08:00:00.000Z"}`},
	{103, latest, "secrets", `{"s":{"source":"/s"}}`},
	{103, 104, "taskKillGracePeriodSeconds", `null`},
	{105, latest, "taskKillGracePeriodSeconds", `10`},
	{104, latest, "unreachableStrategy", `{"inactiveAfterSeconds":0,"expungeAfterSeconds":0}`},
	{104, latest, "killSelection", `"YOUNGEST_FIRST"`},
	{105, latest, "networks", `[{"mode":"container/bridge"}]`},
	{105, latest, "tty", `false`},
	{107, latest, "executorResources", `{"cpus":0.1,"mem":32,"disk":10}`},
	{108, latest, "check", `{"exec":{"command":{"shell":"true"}},"intervalSeconds":60,"timeoutSeconds":20,"delaySeconds":15}`},
	{109, latest, "role", `"r"`},
	{110, latest, "resourceLimits", `{"cpus":"unlimited","mem":256}`},

	{7, latest, "container/type", `"DOCKER"`},
	{7, latest, "container/docker/image", `"i"`},
	{7, 104, "container/docker/network", `"BRIDGE"`},
	{7, latest, "container/docker/privileged", `false`},
	{7, latest, "container/docker/parameters", `[{"key":"label","value":"a=b"}]`},
	{9, latest, "container/docker/forcePullImage", `false`},
	{7, 104, "container/docker/portMappings", `[{"containerPort":80,"hostPort":0,"servicePort":10000,"protocol":"tcp"}]`},
	{101, 104, "container/docker/portMappings/0/name", `null`},
	{101, 104, "container/docker/portMappings/0/labels", `{}`},
	{105, latest, "container/portMappings", `[{"containerPort":80,"hostPort":0,"servicePort":10000,"protocol":"tcp","name":"http","labels":{"VIP_0":"/a:80"}}]`},
	{7, latest, "container/volumes", `[{"containerPath":"/c","hostPath":"/h","mode":"RO"}]`},
	{101, 103, "container/volumes/0/persistent", `null`},
	{101, 103, "container/volumes/0/external", `null`},
	{101, latest, "container/volumes/1", `{"containerPath":"data","mode":"RW","persistent":{"size":10}}`},
	{104, latest, "container/volumes/1/persistent/type", `"root"`},
	{104, latest, "container/volumes/1/persistent/constraints", `[]`},
	{104, latest, "container/volumes/1/persistent/maxSize", `20`},
	{106, latest, "container/volumes/1/persistent/profileName", `"p"`},
	{101, latest, "container/volumes/2", `{"containerPath":"/e","mode":"RW","external":{"name":"n","provider":"dvdi","options":{"dvdi/driver":"d"}}}`},
	{101, 104, "container/volumes/2/external/size", `null`},
	{109, latest, "container/volumes/2/external/shared", `false`},
	{105, latest, "container/volumes/3", `{"containerPath":"/s","secret":"s"}`},

	{7, latest, "healthChecks", `[{"protocol":"COMMAND","command":{"value":"true"},"gracePeriodSeconds":300,"intervalSeconds":60,"timeoutSeconds":20,"maxConsecutiveFailures":3},
		{"protocol":"HTTP","path":"/","gracePeriodSeconds":300,"intervalSeconds":60,"timeoutSeconds":20,"maxConsecutiveFailures":3}]`},
	{7, 103, "healthChecks/1/command", `null`},
	{7, latest, "healthChecks/1/portIndex", `0`},
	{101, 104, "healthChecks/1/port", `null`},
	{8, latest, "healthChecks/1/ignoreHttp1xx", `false`},
	{104, latest, "healthChecks/0/delaySeconds", `15`},
	{106, latest, "healthChecks/1/ipProtocol", `"IPv4"`},
	{101, latest, "readinessChecks", `[{"name":"r","protocol":"HTTP","path":"/","portName":"http","intervalSeconds":30,"timeoutSeconds":10,"httpStatusCodesForReady":[200],"preserveLastResponse":false}]`},

	{7, latest, "tasksStaged", `0`},
	{7, latest, "tasksRunning", `1`},
	{8, latest, "tasksHealthy", `1`},
	{8, latest, "tasksUnhealthy", `0`},
	{7, latest, "deployments", `[{"id":"d"}]`},
	{7, latest, "tasks", `[{"id":"a.1","appId":"/g/a","host":"h","ports":[31000],"startedAt":null,"stagedAt":null,"version":null}]`},
	{8, latest, "lastTaskFailure", `{"appId":"/g/a","host":"h","message":"m","state":"TASK_FAILED","taskId":"a.1","timestamp":"t","version":"v","slaveId":null}`},
	{101, latest, "readinessCheckResults", `[]`},
	{11, 104, "taskStats", `{"totalSummary":{"stats":{"counts":{"staged":0,"running":1,"healthy":0,"unhealthy":0},"lifeTime":{"averageSeconds":1,"medianSeconds":1}}}}`},
	{105, latest, "tasksStats", `{"withLatestConfig":{"stats":{"counts":{"staged":0,"running":1,"healthy":0,"unhealthy":0}}}}`},
}

func versionName(version int) string { return fmt.Sprintf("%d.%d", version/100, version%100) }

// set puts a value at a path of keys and indices, and makes the objects on the way.
func set(in any, path []string, v any) any {
	if len(path) == 0 {
		return v
	}
	if list, isList := in.([]any); isList {
		var i int
		if _, err := fmt.Sscan(path[0], &i); err != nil || i > len(list) {
			panic("no such element: " + path[0])
		}
		if i == len(list) {
			list = append(list, nil)
		}
		list[i] = set(list[i], path[1:], v)
		return list
	}
	object, _ := in.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	object[path[0]] = set(object[path[0]], path[1:], v)
	return object
}

// answer is an app with every key that one version writes.
func answer(t *testing.T, version int) map[string]any {
	t.Helper()
	var app any = map[string]any{}
	for _, k := range answerKeys {
		if version < k.since || version > k.until {
			continue
		}
		var v any
		if err := json.Unmarshal([]byte(k.value), &v); err != nil {
			t.Fatalf("%s: %v", k.path, err)
		}
		app = set(app, strings.Split(k.path, "/"), v)
	}
	return app.(map[string]any)
}

func text(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var answerVersions = []int{7, 8, 9, 10, 11, 13, 14, 15, 101, 103, 104, 105, 106, 107, 108, 109, 110, 111}

// TestAnswersOfEveryVersion reads what each version answers, as it stands and in the forms the API has.
func TestAnswersOfEveryVersion(t *testing.T) {
	for _, version := range answerVersions {
		t.Run(versionName(version), func(t *testing.T) {
			app := answer(t, version)
			plain, err := Parse(text(t, app))
			if err != nil {
				t.Fatalf("%v\n%s", err, text(t, app))
			}
			for name, form := range map[string]any{
				"GET /v2/apps/{id}":    map[string]any{"app": app},
				"GET /v2/apps":         map[string]any{"apps": []any{app}},
				"GET /v2/groups":       map[string]any{"id": "/", "apps": []any{}, "groups": []any{map[string]any{"id": "/g", "apps": []any{app}, "groups": []any{}, "dependencies": []any{}, "version": "v"}}, "dependencies": []any{}, "version": "v"},
				"GET /v2/queue":        map[string]any{"queue": []any{map[string]any{"app": app, "count": 1, "delay": map[string]any{"overdue": true}}}},
				"step of a deployment": map[string]any{"app": app, "action": "StartApplication"},
				"event":                map[string]any{"appDefinition": app, "eventType": "api_post_event", "clientIp": "c", "uri": "/v2/apps", "timestamp": "t"},
				"list of answers":      []any{map[string]any{"app": app}},
			} {
				got, err := Parse(text(t, form))
				if err != nil || len(got) != 1 {
					t.Errorf("%s: %d apps, %v", name, len(got), err)
					continue
				}
				got[0].Notes, plain[0].Notes = nil, nil // they have paths
				if diff := cmp.Diff(plain[0], got[0], cmp.AllowUnexported(App{}, artifact{}, container{}, network{}, volume{}, externalVolume{},
					port{}, portReference{}, healthCheck{}, check{}, checkTiming{}, pair{}, executorResources{})); diff != "" {
					t.Errorf("%s: want (-), got (+):\n%s", name, diff)
				}
			}
		})
	}
}

// TestAbsentValuesAreNull puts null for every key of every version that may be absent.
func TestAbsentValuesAreNull(t *testing.T) {
	required := map[string]bool{"id": true, "container/docker/image": true}
	for _, k := range answerKeys {
		if required[k.path] || strings.Contains(k.path, "volumes/") || strings.HasPrefix(k.path, "env/") {
			continue
		}
		for _, version := range []int{k.since, k.until} {
			app := answer(t, version)
			set(app, strings.Split(k.path, "/"), nil)
			if k.path == "container/type" { // a default
				delete(app["container"].(map[string]any), "type")
			}
			switch k.path {
			case "networks", "container/docker/network":
				continue // then the ports are the host's, and others of this answer's keys do not fit
			}
			if _, err := Parse(text(t, app)); err != nil {
				t.Errorf("%s with %s null: %v", versionName(version), k.path, err)
			}
		}
	}
}

// TestEveryKeyIsLookedAt shows that the tests above can fail: a key that no version writes is refused at each of their places.
func TestEveryKeyIsLookedAt(t *testing.T) {
	objects := map[string]bool{}
	for _, k := range answerKeys {
		path := strings.Split(k.path, "/")
		objects[strings.Join(path[:len(path)-1], "/")] = true
	}
	delete(objects, "env")
	for object := range maps.Keys(objects) {
		if strings.HasSuffix(object, "volumes") {
			continue // a list
		}
		for _, version := range answerVersions {
			app := answer(t, version)
			at := any(app)
			known := true
			for key := range strings.SplitSeq(object, "/") {
				if m, isObject := at.(map[string]any); isObject && key != "" {
					at = m[key]
				} else if list, isList := at.([]any); isList && int(key[0]-'0') < len(list) {
					at = list[key[0]-'0']
				}
				known = known && at != nil
			}
			m, isObject := at.(map[string]any)
			if !known || !isObject {
				continue
			}
			m["noSuchKey"] = 1
			if _, err := Parse(text(t, app)); err == nil || !strings.Contains(err.Error(), "noSuchKey: unknown key") {
				t.Errorf("%s: an unknown key in %q: %v", versionName(version), object, err)
			}
		}
	}
}
