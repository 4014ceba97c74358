package marathon

import (
	"errors"
	"slices"
	"testing"

	"github.com/hashicorp/go-multierror"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// TestTolerance has what Marathon passed over. Each document is read, with the warnings, and refused where it is to be strict.
func TestTolerance(t *testing.T) {
	for _, test := range []struct {
		document string
		warnings []string
	}{
		{docker(`"zzz":1`), []string{"/zzz: unknown key; ignored, as by Marathon"}},
		{docker(`"CPUS":1`), []string{`/CPUS: unknown key; did you mean "cpus"?; ignored, as by Marathon`}},
		{docker(`"parameters":[],"volumes":[]`), []string{
			"/parameters: unknown key; its place is /container/docker/parameters; ignored, as by Marathon",
			"/volumes: unknown key; its place is /container/volumes; ignored, as by Marathon"}},
		{`{"id":"a","container":{"docker":{"image":"i","cmd":"x","env":{},"volumes":[]},"parameters":[{}],"network":"HOST","healthChecks":[]}}`, []string{
			"/container/docker/cmd: unknown key; its place is /cmd; ignored, as by Marathon",
			"/container/docker/env: unknown key; its place is /env; ignored, as by Marathon",
			"/container/docker/volumes: unknown key; its place is /container/volumes; ignored, as by Marathon",
			"/container/parameters: unknown key; its place is /container/docker/parameters; ignored, as by Marathon",
			"/container/network: unknown key; its place is /container/docker/network; ignored, as by Marathon",
			"/container/healthChecks: unknown key; its place is /healthChecks; ignored, as by Marathon"}},
		{`{"id":"/g","image":"i","groups":[{"id":"h","apps":[{"id":"a","container":{"docker":{"image":"i"},"privileged":true}}]}]}`, []string{
			"/groups/0/apps/0/container/privileged: unknown key; its place is /groups/0/apps/0/container/docker/privileged; ignored, as by Marathon",
			"/image: unknown key; ignored, as by Marathon"}},
		{docker(`"cpus":"0.5","instances":"2","tty":"true"`), []string{
			"/instances: expected a number, found a string; taken as one, as by Marathon 0.7",
			"/cpus: expected a number, found a string; taken as one, as by Marathon 0.7",
			"/tty: expected true or false, found a string; taken as one, as by Marathon 0.7"}},
		{docker(`"env":{"A":1,"B":true},"labels":{"l":-1.50},"args":[7]`), []string{
			"/args/0: expected a string, found a number; taken as one, as by Marathon 0.7",
			"/env/A: expected a string, found a number; taken as one, as by Marathon 0.7",
			"/env/B: expected a string, found true or false; taken as one, as by Marathon 0.7",
			"/labels/l: expected a string, found a number; taken as one, as by Marathon 0.7"}},
		{docker(`"mem":1,"mem":64,"env":{"A":"x","A":"y"}`), []string{
			"/mem: this key appears more than once in its object; the last counts",
			"/env/A: this key appears more than once in its object; the last counts"}},
		{docker(`"healthChecks":[{"protocol":"COMMAND","command":{"value":"true"},"path":"/","port":1}]`), []string{
			"/healthChecks/0/path: a COMMAND health check has neither path nor port; ignored, as by Marathon up to 1.4",
			"/healthChecks/0/port: a COMMAND health check has neither path nor port; ignored, as by Marathon up to 1.4"}},
	} {
		_, warnings, err := ParseTolerant([]byte(test.document))
		var got []string
		for _, w := range warnings {
			got = append(got, w.Error())
		}
		if err != nil || !slices.Equal(got, test.warnings) {
			t.Errorf("%s: %v\n got %q\nwant %q", test.document, err, got, test.warnings)
		}
		var list *multierror.Error
		if _, err := Parse([]byte(test.document)); !errors.As(err, &list) || len(list.Errors) != len(test.warnings) {
			t.Errorf("%s: to be strict, the mistakes are %v", test.document, err)
		}
	}
}

// TestToleratedValues looks at what becomes of them.
func TestToleratedValues(t *testing.T) {
	apps, _, err := ParseTolerant([]byte(docker(`"mem":1,"mem":"64","mem":"96.5","instances":"2","env":{"A":"x","B":8080,"A":1e3},"args":[1,"1"]`)))
	if err != nil {
		t.Fatal(err)
	}
	ports, err := NewPorts("31000-31010")
	if err != nil {
		t.Fatal(err)
	}
	task, err := Build(apps[0], Offer{AgentID: "agent", Ports: ports, InstanceUUID: "u"})
	if err != nil {
		t.Fatal(err)
	}
	variables := map[string][]string{}
	for _, v := range task.Command.Environment.Variables {
		variables[v.Name] = append(variables[v.Name], v.GetValue())
	}
	memory := 0.0
	for _, r := range task.Resources {
		if r.Name == "mem" && r.GetType() == mesos.SCALAR {
			memory = r.Scalar.Value
		}
	}
	if memory != 96.5 || apps[0].Instances != 2 || !slices.Equal(variables["A"], []string{"1e3"}) || !slices.Equal(variables["B"], []string{"8080"}) ||
		!slices.Equal(task.Command.Arguments, []string{"1", "1"}) {
		t.Errorf("memory %v, instances %d, A %q, B %q, arguments %q", memory, apps[0].Instances, variables["A"], variables["B"], task.Command.Arguments)
	}
}

// TestNotTolerated has what every version of Marathon refused, or what nobody can read.
func TestNotTolerated(t *testing.T) {
	for _, document := range []string{
		docker(`"cpus":"much"`), docker(`"cpus":" 1"`), docker(`"cpus":""`), docker(`"cpus":"-1"`), docker(`"cpus":true`), docker(`"instances":"1.5"`),
		docker(`"tty":"yes"`), docker(`"tty":1`), docker(`"cmd":[]`), docker(`"env":{"A":null}`), docker(`"env":[]`), docker(`"args":"a"`), docker(`"user":{}`),
	} {
		if apps, warnings, err := ParseTolerant([]byte(document)); err == nil {
			t.Errorf("%s: %v, %v", document, apps, warnings)
		}
	}
}
