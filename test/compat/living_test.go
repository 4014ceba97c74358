package compat

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/test/environment/testimage"
)

// living are rows about the life of a container.
func living() []row {
	return []row{
		{
			name: "start-of-missing-program", request: "start of a program that is not in the image; State, events",
			ask: func(t *testing.T, e *engine) string {
				id := e.must(t, object{"Cmd": []string{"/nosuch"}})
				return e.failedStart(t, id)
			},
			answers: []said{{"20.10", "400; Status \"created\", ExitCode 127, StartedAt zero; events none"}},
			product: "reports the failed launch with the Engine's words; status and StartedAt say that nothing ran",
		},
		{
			name: "start-of-no-program", request: "start of a file that is not executable; State, events",
			ask: func(t *testing.T, e *engine) string {
				id := e.must(t, object{"Cmd": []string{"/etc/passwd"}})
				return e.failedStart(t, id)
			},
			answers: []said{{"20.10", "400; Status \"created\", ExitCode 126, StartedAt zero; events none"}},
			product: "reports the failed launch with the Engine's words; status and StartedAt say that nothing ran",
		},
		{
			name: "events-of-stop", request: "events of: stop of a container that ends on SIGTERM",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done"}})
				e.saysUp(t, id)
				since := time.Now()
				e.ask(t, "POST", "/containers/"+id+"/stop?t=20", nil)
				e.eventsUntil(t, "stop", id, since)
				return e.eventsUntil(t, "die", id, since)
			},
			answers: []said{{"20.10", "kill, die 3, stop"}, {"26", "kill, stop, die 3"}},
			product: "watches create, start, oom, kill, die and destroy only, and inspects after each",
		},
		{
			name: "events-of-kill", request: "events of: kill with SIGKILL, wait, remove",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sleep", "600"}})
				since := time.Now()
				e.ask(t, "POST", "/containers/"+id+"/kill", nil)
				e.wait(t, id)
				e.ask(t, "DELETE", "/containers/"+id, nil)
				return e.eventsUntil(t, "destroy", id, since)
			},
			answers: []said{{"20.10", "kill, die 137, destroy"}},
			product: "watches create, start, oom, kill, die and destroy only, and inspects after each",
		},
		{
			name: "events-of-restart-policy", request: "RestartPolicy on-failure:1 of a program that exits 3: die events' attributes, in the Engine's newest version",
			ask: func(t *testing.T, e *engine) string {
				since := time.Now()
				id := e.started(t, object{"Cmd": []string{"sh", "-c", "exit 3"}, "HostConfig": object{"RestartPolicy": object{"Name": "on-failure", "MaximumRetryCount": 1}}})
				e.settled(t, id)
				var all []string
				for _, m := range e.eventList(t, id, since) {
					if m.Action == "die" {
						attributes := m.Actor.Attributes
						delete(attributes, "image")
						delete(attributes, "name")
						delete(attributes, testimage.Label)
						if attributes["execDuration"] != "" {
							attributes["execDuration"] = "N"
						}
						text, _ := json.Marshal(attributes)
						all = append(all, string(text))
					}
				}
				return strings.Join(all, " ")
			},
			answers: []said{{"20.10", "{\"exitCode\":\"3\"} {\"exitCode\":\"3\"}"}, {"26", "{\"execDuration\":\"N\",\"exitCode\":\"3\"} {\"execDuration\":\"N\",\"exitCode\":\"3\"}"}},
			product: "reads no attribute: inspect says whether the container runs. Restart policies are refused",
		},
		{
			name: "events-since", request: "events?since= the nanosecond of an event, and one later",
			ask: func(t *testing.T, e *engine) string {
				before := time.Now()
				id := e.must(t, object{})
				at := e.eventList(t, id, before)[0].TimeNano
				return fmt.Sprintf("%d, %d", len(e.eventList(t, id, time.Unix(0, at))), len(e.eventList(t, id, time.Unix(0, at+1))))
			},
			answers: []said{{"20.10", "1, 0"}},
			product: "asks for no past event: it subscribes first and lists the containers after",
		},
		{
			name: "event-old-members", request: "a container event: members of the object",
			ask: func(t *testing.T, e *engine) string {
				before := time.Now()
				id := e.must(t, object{})
				a := e.ask(t, "GET", e.eventPath(id, before), nil)
				first, _, _ := strings.Cut(string(a.body), "\n")
				return keys(t, answer{body: []byte(`{"x":` + first + `}`)}, "x")
			},
			answers: []said{{"20.10", "Action Actor Type from id scope status time timeNano"}},
			product: "reads Action, Actor and timeNano, which all have",
		},
		{
			name: "kill-signals", request: "kill with signal 0, SIGRTMIN+3, RTMIN, 64, 65, nosuch; of a container that has ended",
			ask: func(t *testing.T, e *engine) string {
				var all []string
				id := e.started(t, object{"Cmd": []string{"sh", "-c", "trap '' 34 37 64; while :; do sleep 1; done"}})
				for _, signal := range []string{"0", "SIGRTMIN+3", "RTMIN", "64", "65", "nosuch"} {
					all = append(all, e.ask(t, "POST", "/containers/"+id+"/kill?signal="+url.QueryEscape(signal), nil).String())
				}
				e.ask(t, "POST", "/containers/"+id+"/kill", nil)
				e.wait(t, id)
				all = append(all, e.ask(t, "POST", "/containers/"+id+"/kill", nil).String())
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "400; 204; 204; 204; 500; 400; 409"}, {"26", "400; 204; 204; 204; 400; 400; 409"}},
			product: "sends names, of which it knows the number too, should the Engine not answer",
		},
		{
			name: "paused", request: "paused: State, stop?t=1, exec; kill with SIGTERM",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done"}})
				e.saysUp(t, id)
				a := e.ask(t, "POST", "/containers/"+id+"/pause", nil)
				state := e.inspect(t, id)
				b := e.ask(t, "POST", "/containers/"+id+"/exec", object{"Cmd": []string{"true"}})
				c := e.ask(t, "POST", "/containers/"+id+"/stop?t=1", nil)
				ended := e.inspect(t, id)
				return fmt.Sprintf("%v Running %s Paused %s; exec %v; stop %v ExitCode %s", a, state.at("State.Running"), state.at("State.Paused"), b, c, ended.at("State.ExitCode"))
			},
			answers: []said{{"20.10", "204 Running true Paused true; exec 409; stop 204 ExitCode 3"}},
			product: "a paused container has not ended",
		},
		{
			name: "stop-timeouts", request: "StopTimeout -1 and null in inspect; stop?t=-1 of a container that ends on SIGTERM",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"StopTimeout": -1, "Cmd": []string{"sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done"}})
				e.saysUp(t, id)
				a := e.ask(t, "POST", "/containers/"+id+"/stop?t=-1", nil)
				return fmt.Sprintf("%s, %s; %v", e.inspect(t, id).at("Config.StopTimeout"), e.inspect(t, e.must(t, object{})).at("Config.StopTimeout"), a)
			},
			answers: []said{{"20.10", "-1, absent; 204"}},
			product: "never stops through the Engine: it sends the signals itself",
		},
		{
			name: "wait-conditions", request: "wait of a created container: without a condition; condition=nosuch",
			ask: func(t *testing.T, e *engine) string {
				created := e.must(t, object{})
				a := e.ask(t, "POST", "/containers/"+created+"/wait", nil)
				b := e.ask(t, "POST", "/containers/"+created+"/wait?condition=nosuch", nil)
				return fmt.Sprintf("%v %s; %v", a, strings.TrimSpace(string(a.body)), b)
			},
			answers: []said{{"20.10", "200 {\"Error\":null,\"StatusCode\":0}; 200"}, {"26", "200 {\"StatusCode\":0}; 400"}},
			product: "waits after the start only; whether an exit status is one, StartedAt says",
		},
		{
			name: "list-members", request: "an element of /containers/json of a running container: members",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sleep", "60"}})
				a := e.ask(t, "GET", `/containers/json?filters={"id":["`+id+`"]}`, nil)
				return keys(t, answer{body: []byte(`{"x":` + strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(a.body)), "["), "]") + `}`)}, "x")
			},
			answers: []said{{"20.10", "Command Created HostConfig Id Image ImageID Labels Mounts Names NetworkSettings Ports State Status"}, {"29", "Command Created HostConfig Id Image ImageID ImageManifestDescriptor Labels Mounts Names NetworkSettings Ports State Status"}},
			product: "reads Id, Names, ImageID, Labels",
		},
		{
			name: "inspect-members", request: "container inspect: members, and those of State",
			ask: func(t *testing.T, e *engine) string {
				a := e.inspect(t, e.started(t, object{"Cmd": []string{"sleep", "60"}}))
				return keys(t, answer{body: []byte(`{"x":` + string(a.body) + `}`)}, "x") + "; " + keys(t, a, "State")
			},
			answers: []said{{"20.10", "AppArmorProfile Args Config Created Driver ExecIDs GraphDriver HostConfig HostnamePath HostsPath Id Image LogPath MountLabel Mounts Name NetworkSettings Path Platform ProcessLabel ResolvConfPath RestartCount State; Dead Error ExitCode FinishedAt OOMKilled Paused Pid Restarting Running StartedAt Status"}, {"29", "AppArmorProfile Args Config Created Driver ExecIDs GraphDriver HostConfig HostnamePath HostsPath Id Image ImageManifestDescriptor LogPath MountLabel Mounts Name NetworkSettings Path Platform ProcessLabel ResolvConfPath RestartCount State; Dead Error ExitCode FinishedAt OOMKilled Paused Pid Restarting Running StartedAt Status"}},
			product: "hands inspect on as it is, with what agents need added",
		},
		{
			name: "auto-remove", request: "AutoRemove, wait?condition=removed: answer, then inspect",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sh", "-c", "sleep 1; exit 3"}, "HostConfig": object{"AutoRemove": true}})
				a := e.ask(t, "POST", "/containers/"+id+"/wait?condition=removed", nil)
				return fmt.Sprintf("%s; %v", strings.TrimSpace(string(a.body)), e.inspect(t, id))
			},
			answers: []said{{"20.10", "{\"Error\":null,\"StatusCode\":3}; 404"}, {"26", "{\"StatusCode\":3}; 404"}},
			product: "sends AutoRemove false always",
		},
		{
			name: "time-namespace", request: "is /proc/self/ns/time of the container that of the Engine",
			ask: func(t *testing.T, e *engine) string {
				return fmt.Sprint(e.prints(t, object{}, "readlink /proc/self/ns/time") == ownNamespace(t, "time"))
			},
			answers: []said{{"20.10", "true"}, {"29", "false"}},
			product: "nothing",
		},
		{
			name: "events-of-failed-start", request: "events of: start of a program that is not there, with AutoRemove; of a container whose port is taken",
			ask: func(t *testing.T, e *engine) string {
				since := time.Now()
				id := e.must(t, object{"Cmd": []string{"/nosuch"}, "HostConfig": object{"AutoRemove": true}})
				a := e.ask(t, "POST", "/containers/"+id+"/start", nil)
				all := fmt.Sprintf("%v: %s", a, e.eventsUntil(t, "destroy", id, since))
				ports := object{"Cmd": []string{"sleep", "60"}, "ExposedPorts": object{"80/tcp": object{}}, "HostConfig": object{"PortBindings": object{"80/tcp": []object{{"HostIp": "127.0.0.1", "HostPort": "18473"}}}}}
				e.started(t, ports)
				since = time.Now()
				second := e.must(t, ports)
				a = e.ask(t, "POST", "/containers/"+second+"/start", nil)
				return fmt.Sprintf("%s; %v: %s", all, a, e.events(t, second, since))
			},
			answers: []said{{"20.10", "400: create, destroy; 500: create"}},
			product: "learns of a failed start by the answer, and inspects where there was none",
		},
		{
			name: "calls-in-the-wrong-state", request: "start of one that runs; stop, kill, pause, exec of one that was not started; start of one that has ended; remove of one that runs",
			ask: func(t *testing.T, e *engine) string {
				var all []string
				ask := func(method, path string, body any) {
					all = append(all, e.ask(t, method, "/containers/"+path, body).String())
				}
				running, created := e.started(t, object{"Cmd": []string{"sleep", "60"}}), e.must(t, object{"Cmd": []string{"true"}})
				ended, _ := e.ran(t, object{"Cmd": []string{"true"}})
				ask("POST", running+"/start", nil)
				ask("POST", created+"/stop", nil)
				ask("POST", created+"/kill", nil)
				ask("POST", created+"/pause", nil)
				ask("POST", created+"/exec", object{"Cmd": []string{"true"}})
				ask("POST", ended+"/start", nil)
				ask("DELETE", running, nil)
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "304; 304; 409; 409; 409; 204; 409"}},
			product: "starts once, and looks at the state where an answer says that it is not what was expected",
		},
		{
			name: "wait-while-removed", request: "DELETE?force=1 while wait is under way: its answer",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"sleep", "60"}})
				waited := make(chan answer, 1)
				go func() { waited <- e.ask(t, "POST", "/containers/"+id+"/wait", nil) }()
				e.until(t, func() bool { return len(waited) == 0 })
				a := e.ask(t, "DELETE", "/containers/"+id+"?force=1", nil)
				b := <-waited
				return fmt.Sprintf("%v; %v %s", a, b, strings.TrimSpace(string(b.body)))
			},
			answers: []said{{"20.10", "204; 200 {\"Error\":null,\"StatusCode\":137}"}, {"26", "204; 200 {\"StatusCode\":137}"}},
			product: "takes the status of the end, and says who else removed the container where there is none",
		},
		{
			name: "health-in-inspect", request: "State.Health of a container without a health check, of one with Test [NONE]; events of a health check each second",
			ask: func(t *testing.T, e *engine) string {
				since := time.Now()
				none := e.inspect(t, e.started(t, object{"Cmd": []string{"sleep", "60"}, "Healthcheck": object{"Test": []string{"NONE"}}}))
				id := e.started(t, object{"Cmd": []string{"sleep", "60"}, "Healthcheck": object{"Test": []string{"CMD", "true"}, "Interval": 1e9}})
				seen := e.eventsUntil(t, "health_status", id, since)
				first, _, _ := strings.Cut(seen[strings.Index(seen, "exec_create"):], ", health_status")
				return fmt.Sprintf("%s, %s; %s, %s", e.inspect(t, e.must(t, object{})).at("State.Health"), none.at("State.Health"), first, seen[strings.Index(seen, "health_status"):][:len("health_status: healthy")])
			},
			answers: []said{{"20.10", "absent, absent; exec_create: true , exec_start: true , exec_die, health_status: healthy"}},
			product: "does not look at the health checks of images; the events of execs are not asked for",
		},
		{
			name: "stop-of-restarting", request: "RestartPolicy always of a program that fails at once: State while the Engine waits to start it again; stop",
			ask: func(t *testing.T, e *engine) string {
				id := e.started(t, object{"Cmd": []string{"false"}, "HostConfig": object{"RestartPolicy": object{"Name": "always"}}})
				var a answer
				e.until(t, func() bool {
					a = e.inspect(t, id)
					return a.at("State.Status") == `"restarting"`
				})
				return fmt.Sprintf("Running %s, Restarting %s, Pid %s; stop %v", a.at("State.Running"), a.at("State.Restarting"), a.at("State.Pid"), e.ask(t, "POST", "/containers/"+id+"/stop", nil))
			},
			answers: []said{{"20.10", "Running true, Restarting true, Pid 0; stop 204"}},
			product: "refuses restart policies; a container that restarts all the same has not ended",
		},
	}
}
