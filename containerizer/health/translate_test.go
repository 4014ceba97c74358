package health

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

func ptr[T any](v T) *T { return &v }

var defaults = Spec{Delay: 15 * time.Second, Interval: 10 * time.Second, Timeout: 20 * time.Second}

func variables(v ...mesos.Environment_Variable) *mesos.Environment {
	return &mesos.Environment{Variables: v}
}

func TestFromHealthCheck(t *testing.T) {
	secret := mesos.Environment_Variable{
		Name: "S", Type: mesos.Environment_Variable_SECRET.Enum(),
		Secret: &mesos.Secret{Type: mesos.Secret_VALUE, Value: &mesos.Secret_Value{Data: []byte("hidden")}},
	}
	for name, c := range map[string]struct {
		check mesos.HealthCheck
		want  func(*Spec)
	}{
		"HTTP": {
			mesos.HealthCheck{Type: mesos.HealthCheck_HTTP, HTTP: &mesos.HealthCheck_HTTPCheckInfo{Port: 80, Statuses: []uint32{500}}},
			func(s *Spec) { s.Kind, s.HTTP = HTTP, HTTPSpec{Scheme: "http", Port: 80} },
		},
		"HTTPS over IPv6 with all times": {
			mesos.HealthCheck{
				Type: mesos.HealthCheck_HTTP, DelaySeconds: ptr(0.0), IntervalSeconds: ptr(0.5), TimeoutSeconds: ptr(1e-12),
				HTTP: &mesos.HealthCheck_HTTPCheckInfo{Port: 443, Scheme: ptr("https"), Path: ptr("/p"), Protocol: mesos.IPv6.Enum()},
			},
			func(s *Spec) {
				*s = Spec{Kind: HTTP, Interval: time.Second / 2, Timeout: 1, HTTP: HTTPSpec{Scheme: "https", Port: 443, Path: "/p", IPv6: true}}
			},
		},
		"HTTP without its type": {
			mesos.HealthCheck{HTTP: &mesos.HealthCheck_HTTPCheckInfo{Port: 1}},
			func(s *Spec) { s.Kind, s.HTTP = HTTP, HTTPSpec{Scheme: "http", Port: 1} },
		},
		"command rather than HTTP without a type": {
			mesos.HealthCheck{HTTP: &mesos.HealthCheck_HTTPCheckInfo{Port: 1}, Command: &mesos.CommandInfo{Value: ptr("x")}},
			func(s *Spec) { s.Kind, s.Command.Argv = Command, []string{"sh", "-c", "x"} },
		},
		"TCP over IPv6": {
			mesos.HealthCheck{Type: mesos.HealthCheck_TCP, TCP: &mesos.HealthCheck_TCPCheckInfo{Port: 22, Protocol: mesos.IPv6.Enum()}},
			func(s *Spec) { s.Kind, s.TCP = TCP, TCPSpec{Port: 22, IPv6: true} },
		},
		"shell with arguments": {
			mesos.HealthCheck{Type: mesos.HealthCheck_COMMAND, Command: &mesos.CommandInfo{Value: ptr("a 'b'"), Arguments: []string{"not", "used"}}},
			func(s *Spec) { s.Kind, s.Command.Argv = Command, []string{"sh", "-c", "a 'b'"} },
		},
		"program": {
			mesos.HealthCheck{Type: mesos.HealthCheck_COMMAND, Command: &mesos.CommandInfo{
				Shell: ptr(false), Value: ptr("a"), Arguments: []string{"b c", ""},
				Environment: variables(mesos.Environment_Variable{Name: "V", Value: ptr("1")}, secret, mesos.Environment_Variable{Name: "V", Value: ptr("2=3\n")}),
			}},
			func(s *Spec) {
				s.Kind, s.Command = Command, CommandSpec{Argv: []string{"a", "b c", ""}, Env: []string{"S=hidden", "V=2=3\n"}}
			},
		},
	} {
		want := defaults
		c.want(&want)
		got, err := FromHealthCheck(&c.check)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestInvalidHealthCheck(t *testing.T) {
	if _, err := FromHealthCheck(nil); err == nil {
		t.Error("none was translated")
	}
	http := func(change func(*mesos.HealthCheck)) *mesos.HealthCheck {
		h := &mesos.HealthCheck{Type: mesos.HealthCheck_HTTP, HTTP: &mesos.HealthCheck_HTTPCheckInfo{Port: 80}}
		change(h)
		return h
	}
	for field, check := range map[string]*mesos.HealthCheck{
		"health_check.type":             {},
		"health_check.type: 7":          {Type: 7, HTTP: &mesos.HealthCheck_HTTPCheckInfo{}},
		"health_check.http: ":           {Type: mesos.HealthCheck_HTTP},
		"health_check.tcp: ":            {Type: mesos.HealthCheck_TCP},
		"health_check.command: ":        {Type: mesos.HealthCheck_COMMAND},
		"health_check.command.value":    {Type: mesos.HealthCheck_COMMAND, Command: &mesos.CommandInfo{Shell: ptr(false)}},
		"health_check.http.scheme":      http(func(h *mesos.HealthCheck) { h.HTTP.Scheme = ptr("ftp") }),
		"health_check.http.path":        http(func(h *mesos.HealthCheck) { h.HTTP.Path = ptr("x") }),
		"health_check.http.protocol":    http(func(h *mesos.HealthCheck) { h.HTTP.Protocol = ptr(mesos.NetworkInfo_Protocol(3)) }),
		"health_check.delay_seconds":    http(func(h *mesos.HealthCheck) { h.DelaySeconds = ptr(-0.1) }),
		"health_check.interval_seconds": http(func(h *mesos.HealthCheck) { h.IntervalSeconds = ptr(math.NaN()) }),
		"health_check.timeout_seconds":  http(func(h *mesos.HealthCheck) { h.TimeoutSeconds = ptr(math.Inf(1)) }),
		"health_check.command.environment.variables[0].name": {Command: &mesos.CommandInfo{
			Value: ptr("x"), Environment: variables(mesos.Environment_Variable{Name: "a=b", Value: ptr("hidden")}),
		}},
		"health_check.command.environment.variables[0].secret": {Command: &mesos.CommandInfo{
			Value: ptr("x"), Environment: variables(mesos.Environment_Variable{Name: "a", Value: ptr("hidden"), Type: mesos.Environment_Variable_SECRET.Enum()}),
		}},
	} {
		got, err := FromHealthCheck(check)
		if err == nil || !strings.HasPrefix(err.Error(), field) || strings.Contains(err.Error(), "hidden") || got.Kind != 0 {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestFromCheck(t *testing.T) {
	for name, c := range map[string]struct {
		check mesos.CheckInfo
		want  func(*Spec)
	}{
		"HTTP": {
			mesos.CheckInfo{Type: mesos.CheckInfo_HTTP, HTTP: &mesos.CheckInfo_Http{Port: 80, Path: ptr("/p")}, TimeoutSeconds: ptr(0.0)},
			func(s *Spec) { s.Kind, s.Timeout, s.HTTP = HTTP, 0, HTTPSpec{Scheme: "http", Port: 80, Path: "/p"} },
		},
		"TCP": {
			mesos.CheckInfo{Type: mesos.CheckInfo_TCP, TCP: &mesos.CheckInfo_Tcp{Port: 22}},
			func(s *Spec) { s.Kind, s.TCP.Port = TCP, 22 },
		},
		"command": {
			mesos.CheckInfo{Type: mesos.CheckInfo_COMMAND, Command: &mesos.CheckInfo_Command{Command: mesos.CommandInfo{Value: ptr("x")}}},
			func(s *Spec) { s.Kind, s.Command.Argv = Command, []string{"sh", "-c", "x"} },
		},
		"program, whose arguments begin with its name": {
			mesos.CheckInfo{Type: mesos.CheckInfo_COMMAND, Command: &mesos.CheckInfo_Command{Command: mesos.CommandInfo{
				Shell: ptr(false), Value: ptr("test"), Arguments: []string{"test", "-e", "/ready"},
			}}},
			func(s *Spec) { s.Kind, s.Command.Argv = Command, []string{"test", "-e", "/ready"} },
		},
		"program without arguments": {
			mesos.CheckInfo{Type: mesos.CheckInfo_COMMAND, Command: &mesos.CheckInfo_Command{Command: mesos.CommandInfo{Shell: ptr(false), Value: ptr("ready")}}},
			func(s *Spec) { s.Kind, s.Command.Argv = Command, []string{"ready"} },
		},
	} {
		want := defaults
		c.want(&want)
		got, err := FromCheck(&c.check)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	for field, check := range map[string]*mesos.CheckInfo{
		"check: ":                     nil,
		"check.type":                  {HTTP: &mesos.CheckInfo_Http{Port: 80}},
		"check.http: ":                {Type: mesos.CheckInfo_HTTP},
		"check.http.path":             {Type: mesos.CheckInfo_HTTP, HTTP: &mesos.CheckInfo_Http{Path: ptr("x")}},
		"check.tcp: ":                 {Type: mesos.CheckInfo_TCP},
		"check.command: ":             {Type: mesos.CheckInfo_COMMAND},
		"check.command.command.value": {Type: mesos.CheckInfo_COMMAND, Command: &mesos.CheckInfo_Command{}},
		"check.delay_seconds":         {Type: mesos.CheckInfo_TCP, TCP: &mesos.CheckInfo_Tcp{}, DelaySeconds: ptr(1e300)},
	} {
		if _, err := FromCheck(check); err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Whatever a framework sends is refused or becomes a Spec that can be carried out.
func FuzzFromHealthCheck(f *testing.F) {
	for _, check := range []mesos.HealthCheck{
		{HTTP: &mesos.HealthCheck_HTTPCheckInfo{Port: 80, Path: ptr("/a?b")}},
		{Type: mesos.HealthCheck_TCP, TCP: &mesos.HealthCheck_TCPCheckInfo{Port: 80}, DelaySeconds: ptr(math.MaxFloat64)},
		{Command: &mesos.CommandInfo{Value: ptr("x"), Environment: variables(mesos.Environment_Variable{Name: "a", Value: ptr("b")})}},
	} {
		b, err := check.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var check mesos.HealthCheck
		if err := check.Unmarshal(b); err == nil {
			spec, err := FromHealthCheck(&check)
			wellFormed(t, spec, err)
		}
		var general mesos.CheckInfo
		if err := general.Unmarshal(b); err == nil {
			spec, err := FromCheck(&general)
			wellFormed(t, spec, err)
		}
	})
}

func wellFormed(t *testing.T, spec Spec, err error) {
	t.Helper()
	if err != nil {
		if spec.Kind != 0 || err.Error() == "" {
			t.Fatalf("%+v, %v", spec, err)
		}
		return
	}
	if spec.Delay < 0 || spec.Interval < 0 || spec.Timeout < 0 {
		t.Fatalf("negative: %+v", spec)
	}
	switch spec.Kind {
	case HTTP:
		requestURI(t, spec.HTTP.Path)
	case Command:
		if len(spec.Command.Argv) == 0 {
			t.Fatalf("nothing to run: %+v", spec)
		}
	case TCP:
	default:
		t.Fatalf("kind %d", spec.Kind)
	}
}
