package v0

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/test/fakeagent"
)

// numbers are contract 5.0: name, number and, behind an asterisk, that it repeats. The names slave and agent are one. What no
// agent since 0.25 sends is left out: CommandInfo.container, NetworkInfo.ip_address, SlaveInfo.checkpoint.
var numbers = map[reflect.Type]string{
	reflect.TypeFor[mesos.FrameworkID]():                          "value 1",
	reflect.TypeFor[mesos.ContainerID]():                          "value 1, parent 2",
	reflect.TypeFor[mesos.TaskInfo]():                             "name 1, task_id 2, agent_id 3, resources 4*, executor 5, data 6, command 7, health_check 8, container 9, labels 10, discovery 11, kill_policy 12, check 13, max_completion_time 14, limits 15*",
	reflect.TypeFor[mesos.ExecutorInfo]():                         "executor_id 1, data 4, resources 5*, command 7, framework_id 8, name 9, source 10, container 11, discovery 12, shutdown_grace_period 13, labels 14, type 15",
	reflect.TypeFor[mesos.CommandInfo]():                          "uris 1*, environment 2, value 3, user 5, shell 6, arguments 7*",
	reflect.TypeFor[mesos.CommandInfo_URI]():                      "value 1, executable 2, extract 3, cache 4, output_file 5",
	reflect.TypeFor[mesos.Environment]():                          "variables 1*",
	reflect.TypeFor[mesos.Environment_Variable]():                 "name 1, value 2, type 3, secret 4",
	reflect.TypeFor[mesos.ContainerInfo]():                        "type 1, volumes 2*, docker 3, hostname 4, mesos 5, network_infos 7*, linux_info 8, rlimit_info 9, tty_info 10",
	reflect.TypeFor[mesos.ContainerInfo_DockerInfo]():             "image 1, network 2, port_mappings 3*, privileged 4, parameters 5*, force_pull_image 6, volume_driver 7",
	reflect.TypeFor[mesos.ContainerInfo_DockerInfo_PortMapping](): "host_port 1, container_port 2, protocol 3",
	reflect.TypeFor[mesos.Parameter]():                            "key 1, value 2",
	reflect.TypeFor[mesos.Volume]():                               "container_path 1, host_path 2, mode 3, image 4, source 5",
	reflect.TypeFor[mesos.Volume_Source]():                        "type 1, docker_volume 2",
	reflect.TypeFor[mesos.Volume_Source_DockerVolume]():           "driver 1, name 2, driver_options 3",
	reflect.TypeFor[mesos.NetworkInfo]():                          "groups 3*, labels 4, ip_addresses 5*, name 6, port_mappings 7*",
	reflect.TypeFor[mesos.NetworkInfo_IPAddress]():                "protocol 1, ip_address 2",
	reflect.TypeFor[mesos.KillPolicy]():                           "grace_period 1",
	reflect.TypeFor[mesos.DurationInfo]():                         "nanoseconds 1",
	reflect.TypeFor[mesos.TaskStatus]():                           "task_id 1, state 2, data 3, message 4, agent_id 5, timestamp 6, executor_id 7, healthy 8, source 9, reason 10, uuid 11, labels 12, container_status 13, unreachable_time 14, check_status 15, limitation 16",
	reflect.TypeFor[mesos.ContainerStatus]():                      "network_infos 1*, cgroup_info 2, executor_pid 3, container_id 4",
	reflect.TypeFor[mesos.FrameworkInfo]():                        "user 1, name 2, id 3, failover_timeout 4, checkpoint 5, role 6, hostname 7, principal 8, webui_url 9, capabilities 10*, labels 11, roles 12*",
	reflect.TypeFor[mesos.AgentInfo]():                            "hostname 1, resources 3*, attributes 5*, id 6, port 8, domain 10",
	reflect.TypeFor[mesos.Resource]():                             "name 1, type 2, scalar 3, ranges 4, set 5, role 6, disk 7, reservation 8, revocable 9, shared 10, allocation_info 11, provider_id 12, reservations 13*",
	reflect.TypeFor[mesos.Resource_AllocationInfo]():              "role 1",
	reflect.TypeFor[mesos.Value_Scalar]():                         "value 1",
	reflect.TypeFor[mesos.Value_Ranges]():                         "range 1*",
	reflect.TypeFor[mesos.Value_Range]():                          "begin 1, end 2",
	reflect.TypeFor[mesos.TaskID]():                               "value 1",
	reflect.TypeFor[mesos.ExecutorID]():                           "value 1",
	reflect.TypeFor[mesos.AgentID]():                              "value 1",
	reflect.TypeFor[mesos.FrameworkInfo_Capability]():             "type 1",
	reflect.TypeFor[mesos.HealthCheck]():                          "http 1, delay_seconds 2, interval_seconds 3, timeout_seconds 4, consecutive_failures 5, grace_period_seconds 6, type 8",
	reflect.TypeFor[mesos.HealthCheck_HTTPCheckInfo]():            "port 1, path 2, scheme 3, statuses 4*, protocol 5",
	reflect.TypeFor[mesos.CheckInfo]():                            "type 1, command 2, http 3, delay_seconds 4, interval_seconds 5, timeout_seconds 6, tcp 7",
}

// enumerations are contract 5.0 again.
var enumerations = []struct {
	names  map[int32]string
	prefix string
	values string
}{
	{mesos.TaskState_name, "TASK_", "STARTING 0, RUNNING 1, FINISHED 2, FAILED 3, KILLED 4, LOST 5, STAGING 6, ERROR 7, KILLING 8, DROPPED 9, UNREACHABLE 10, GONE 11, GONE_BY_OPERATOR 12, UNKNOWN 13"},
	{mesos.TaskStatus_Source_name, "SOURCE_", "MASTER 0, AGENT 1, EXECUTOR 2"},
	{mesos.TaskStatus_Reason_name, "REASON_", "EXECUTOR_TERMINATED 1, CONTAINER_LIMITATION_MEMORY 8, AGENT_RESTARTED 12, CONTAINER_LIMITATION 19, " +
		"CONTAINER_LIMITATION_DISK 20, CONTAINER_LAUNCH_FAILED 21, CONTAINER_UPDATE_FAILED 22, EXECUTOR_REGISTRATION_TIMEOUT 23, " +
		"EXECUTOR_REREGISTRATION_TIMEOUT 24, TASK_CHECK_STATUS_UPDATED 28, TASK_HEALTH_CHECK_STATUS_UPDATED 29, TASK_KILLED_DURING_LAUNCH 30, " +
		"MAX_COMPLETION_TIME_REACHED 33"},
	{mesos.ContainerInfo_Type_name, "", "DOCKER 1, MESOS 2"},
	{mesos.ContainerInfo_DockerInfo_Network_name, "", "HOST 1, BRIDGE 2, NONE 3, USER 4"},
	{mesos.Volume_Mode_name, "", "RW 1, RO 2"},
	{mesos.Volume_Source_Type_name, "", "UNKNOWN 0, DOCKER_VOLUME 1, SANDBOX_PATH 2, SECRET 3, HOST_PATH 4"},
	{mesos.NetworkInfo_Protocol_name, "", "IPv4 1, IPv6 2"},
	{mesos.Environment_Variable_Type_name, "", "VALUE 1, SECRET 2"},
	{mesos.ExecutorInfo_Type_name, "", "DEFAULT 1, CUSTOM 2"},
	{mesos.Value_Type_name, "", "SCALAR 0, RANGES 1, SET 2"},
	{mesos.HealthCheck_Type_name, "", "UNKNOWN 0, COMMAND 1, HTTP 2, TCP 3"},
	{mesos.FrameworkInfo_Capability_Type_name, "", "TASK_KILLING_STATE 2, PARTITION_AWARE 5"},
}

func TestEnumerations(t *testing.T) {
	for _, e := range enumerations {
		for value := range strings.SplitSeq(e.values, ", ") {
			name, number, _ := strings.Cut(value, " ")
			n, err := strconv.Atoi(number)
			if got := e.names[int32(n)]; err != nil || got != e.prefix+name {
				t.Errorf("%d is %s, the contract says %s%s", n, got, e.prefix, name)
			}
		}
	}
}

// The types that we decode into have the fields that an agent sends, under its numbers.
func TestFieldNumbers(t *testing.T) {
	for kind, fields := range numbers {
		got := map[string]string{}
		for i := range kind.NumField() {
			tag := strings.Split(kind.Field(i).Tag.Get("protobuf"), ",")
			if len(tag) < 4 {
				continue
			}
			number := tag[1]
			if tag[2] == "rep" {
				number += "*"
			}
			got[strings.TrimPrefix(tag[3], "name=")] = number
		}
		for field := range strings.SplitSeq(fields, ", ") {
			name, number, _ := strings.Cut(field, " ")
			if got[name] != number {
				t.Errorf("%v.%s has number %q, the contract says %s", kind, name, got[name], number)
			}
		}
	}
}

// filled gives every field of a message a value, n making them differ.
func filled(v reflect.Value, n *int, depth int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			filled(v.Elem(), n, depth-1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			filled(v.Field(i), n, depth)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(fmt.Appendf(nil, "bytes %d\x00\xff", *n))
			return
		}
		if depth > 0 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			filled(v.Index(0), n, depth-1)
			filled(v.Index(1), n, depth-1)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		filled(key, n, depth)
		filled(value, n, depth)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d é", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(*n) + 0.25)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n) << 20)
	case reflect.Int32:
		v.SetInt(int64(*n % 3)) // enumerations
	case reflect.Int64:
		v.SetInt(-int64(*n) << 20)
	default:
		panic(v.Kind())
	}
}

func all[T any](depth int) (message T) {
	n := 0
	filled(reflect.ValueOf(&message).Elem(), &n, depth)
	return message
}

// Every field of the embedded messages comes through, in both directions and through a re-registration.
func TestEveryField(t *testing.T) {
	o := fakeagent.Options{Framework: all[mesos.FrameworkInfo](6), Executor: all[mesos.ExecutorInfo](8)}
	a := newAgent(t, o)
	f := start(t, environment(t, a))
	subscribed := f.expect(executor.Event_SUBSCRIBED).Subscribed
	o.Framework.ID, o.Executor.ExecutorID = &mesos.FrameworkID{Value: "framework"}, mesos.ExecutorID{Value: "executor"}
	if !subscribed.FrameworkInfo.Equal(&o.Framework) || !subscribed.ExecutorInfo.Equal(&o.Executor) {
		t.Errorf("SUBSCRIBED lacks something:\n%s\n%s", cmp.Diff(o.Framework.String(), subscribed.FrameworkInfo.String()), cmp.Diff(o.Executor.String(), subscribed.ExecutorInfo.String()))
	}
	want := all[mesos.TaskInfo](8)
	must(t, a.Launch(want))
	got := f.expect(executor.Event_LAUNCH).Launch.Task
	if !got.Equal(&want) || len(got.Limits) == 0 || got.KillPolicy == nil || got.Container.Docker.Parameters == nil {
		t.Errorf("LAUNCH lacks something:\n%s", cmp.Diff(want.String(), got.String()))
	}
	f.outbox.launched(got)
	a.Stop()
	must(t, a.Start(true))
	must(t, a.Reconnect()) // compares the task with what was launched
	f.expect(executor.Event_SUBSCRIBED)

	sent := all[mesos.TaskStatus](8)
	sent.TaskID, sent.UUID, sent.ExecutorID = got.TaskID, status(1, 0).UUID, &mesos.ExecutorID{Value: "executor"}
	sent.AgentID = &mesos.AgentID{Value: "agent-S0"}
	f.outbox.add(sent)
	f.expect(executor.Event_ACKNOWLEDGED)
	stored := a.Stored()[0]
	if !stored.Equal(&sent) || stored.Limitation == nil || stored.CheckStatus == nil {
		t.Errorf("the update lacks something:\n%s", cmp.Diff(sent.String(), stored.String()))
	}
}

func TestDecodeRefuses(t *testing.T) {
	var id encoder
	id.id(2, "task")
	for name, c := range map[string]struct {
		message string
		body    string
		words   string
	}{
		"unknown message":         {"LaunchMessage", "", "no message for an executor"},
		"no task":                 {runTask, "", "no task"},
		"empty task":              {runTask, "\x22\x00", "required"},
		"no id":                   {killTask, "", "task_id"},
		"no uuid":                 {statusAcknowledgement, "\x1a\x06\x0a\x04task", "uuid"},
		"not an executor":         {executorRegistered, "\x2a\x03\x0a\x01S", "executor_info"},
		"truncated":               {killTask, "\x12\x06\x0a\x04tas", "malformed"},
		"length beyond all":       {killTask, "\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "malformed"},
		"group":                   {killTask, "\x13\x14", "malformed"},
		"field 0":                 {killTask, "\x02\x00", "malformed"},
		"endless tag":             {killTask, strings.Repeat("\xff", 20), "malformed"},
		"endless varint":          {killTask, "\x08" + strings.Repeat("\xff", 20), "malformed"},
		"half a double":           {killTask, "\x09\x00\x00", "malformed"},
		"half a float":            {killTask, "\x0d\x00\x00", "malformed"},
		"inner length beyond all": {runTask, "\x22\x0b\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", ""},
	} {
		if got, err := decode(c.message, []byte(c.body)); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// Fields that nobody knows are skipped, whatever their kind.
	unknown := "\xf8\x01\x96\x01" + "\xf9\x01abcdefgh" + "\xfa\x01\x02xy" + "\xfd\x01abcd"
	if got, err := decode(killTask, append([]byte(unknown), id.buf...)); err != nil || got.event.Kill.TaskID.Value != "task" {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	names := []string{executorRegistered, executorReregistered, reconnectExecutor, runTask, killTask, statusAcknowledgement, shutdownExecutor, frameworkToExecutor}
	for _, capture := range captures {
		for _, row := range recorded(f, capture).Rows {
			if i := strings.LastIndex(row.Request, "."); strings.HasPrefix(row.Request, "/executor(1)/") {
				for n, name := range names {
					if name == row.Request[i+1:] {
						f.Add(n, parsed(f, row.Data).body)
					}
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, n int, body []byte) {
		if n < 0 || n >= len(names) {
			return
		}
		got, err := decode(names[n], body)
		if err != nil {
			return
		}
		if names[n] == reconnectExecutor {
			return
		}
		// What an event says can be said again: the executor encodes the task for the daemon and for the agent.
		encoded, err := got.event.Marshal()
		if err == nil {
			err = new(executor.Event).Unmarshal(encoded)
		}
		if err != nil {
			t.Errorf("%s: %v", names[n], err)
		}
		if task := got.event.GetLaunch(); task != nil {
			if _, err := (identity{}).reregister([]mesos.TaskInfo{task.Task}, nil); err != nil {
				t.Error(err)
			}
		}
	})
}
