package parameters

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/internal/agentflag"
)

// inProcess is the parser without the child process; what it leaks does not matter to a test.
type inProcess struct{ calls int }

func (p *inProcess) Parse(_ context.Context, request runspec.ParseRequest) (runspec.ParseResult, error) {
	p.calls++
	return parse(request)
}

func pointer[T any](v T) *T { return &v }

// optional draws a pointer, which is nil half of the time.
func optional[T any](t *rapid.T, label string, g *rapid.Generator[T]) *T {
	if !rapid.Bool().Draw(t, label+" given") {
		return nil
	}
	return pointer(g.Draw(t, label))
}

var (
	segment  = rapid.StringMatching(`[a-zA-Z0-9 ._é-]{1,6}`)
	absolute = rapid.Custom(func(t *rapid.T) string {
		return "/" + strings.Join(rapid.SliceOfN(segment, 1, 3).Draw(t, "path"), "/")
	})
	anyText = rapid.OneOf(rapid.StringMatching(`[ -~]{0,12}`), rapid.SampledFrom([]string{"", "a=b", "=", "two\nlines", "--privileged", "ünï", `"quoted"`}))
	names   = rapid.OneOf(rapid.StringMatching(`[A-Z_]{1,4}`), rapid.SampledFrom([]string{"A=B", "MESOS_SANDBOX", "with space", "-e"}))
)

func drawVolume(t *rapid.T) mesos.Volume {
	v := mesos.Volume{
		Mode:          rapid.SampledFrom([]mesos.Volume_Mode{mesos.RW, mesos.RO}).Draw(t, "mode").Enum(),
		ContainerPath: rapid.OneOf(absolute, segment).Draw(t, "container path"),
	}
	switch rapid.IntRange(0, 4).Draw(t, "kind of volume") {
	case 0, 1:
		v.HostPath = pointer(absolute.Draw(t, "host path"))
	case 2:
		v.HostPath = pointer(segment.Draw(t, "relative host path"))
		v.ContainerPath = absolute.Draw(t, "container path of a relative host path")
	case 3:
		v.Source = &mesos.Volume_Source{
			Type: mesos.Volume_Source_DOCKER_VOLUME,
			DockerVolume: &mesos.Volume_Source_DockerVolume{
				Name:   rapid.StringMatching(`[a-z][a-z0-9_.-]{1,8}|c`).Draw(t, "volume name"),
				Driver: optional(t, "driver", rapid.Just("rexray")),
			},
		}
	case 4:
		v.Source = &mesos.Volume_Source{
			Type: mesos.Volume_Source_HOST_PATH,
			HostPath: &mesos.Volume_Source_HostPath{
				Path: absolute.Draw(t, "source path"),
				MountPropagation: &mesos.MountPropagation{
					Mode: rapid.SampledFrom([]mesos.MountPropagation_Mode{0, 1, 2}).Draw(t, "propagation").Enum(),
				},
			},
		}
	}
	return v
}

func drawContainer(t *rapid.T) *mesos.ContainerInfo {
	docker := &mesos.ContainerInfo_DockerInfo{
		Image:          rapid.SampledFrom([]string{"busybox", "busybox:1", "registry.example:5000/a/b@sha256:" + strings.Repeat("a", 64)}).Draw(t, "image"),
		Privileged:     optional(t, "privileged", rapid.Bool()),
		ForcePullImage: optional(t, "force pull", rapid.Bool()),
		Network:        optional(t, "network", rapid.SampledFrom([]mesos.ContainerInfo_DockerInfo_Network{1, 2, 3, 4})),
	}
	info := &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: docker}
	for range rapid.IntRange(0, 4).Draw(t, "volumes") {
		info.Volumes = append(info.Volumes, drawVolume(t))
	}
	mode := docker.GetNetwork()
	if mode == mesos.ContainerInfo_DockerInfo_USER {
		info.NetworkInfos = []mesos.NetworkInfo{{Name: pointer(rapid.SampledFrom([]string{"weave", "a.b", "n[0]", "default"}).Draw(t, "network name"))}}
	}
	if mode != mesos.ContainerInfo_DockerInfo_HOST {
		info.Hostname = optional(t, "hostname", rapid.StringMatching(`[a-z-]{0,6}`))
	}
	if mode == mesos.ContainerInfo_DockerInfo_BRIDGE || mode == mesos.ContainerInfo_DockerInfo_USER {
		for range rapid.IntRange(0, 4).Draw(t, "ports") {
			docker.PortMappings = append(docker.PortMappings, mesos.ContainerInfo_DockerInfo_PortMapping{
				HostPort:      rapid.Uint32Range(31000, 31003).Draw(t, "host port"),
				ContainerPort: rapid.SampledFrom([]uint32{1, 80, 65535}).Draw(t, "container port"),
				Protocol:      optional(t, "protocol", rapid.SampledFrom([]string{"tcp", "UDP", "sctp", ""})),
			})
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "labels") {
		value := rapid.StringMatching(`[a-zA-Z0-9._-]{1,5}(=[ -~]{0,8})?`).Draw(t, "label")
		docker.Parameters = append(docker.Parameters, mesos.Parameter{Key: "label", Value: value})
	}
	if rapid.Bool().Draw(t, "terminal") {
		info.TTYInfo = &mesos.TTYInfo{WindowSize: &mesos.TTYInfo_WindowSize{Rows: 25, Columns: 80}}
	}
	if rapid.Bool().Draw(t, "rlimits") {
		info.RlimitInfo = &mesos.RLimitInfo{Rlimits: []mesos.RLimitInfo_RLimit{
			{Type: mesos.RLimitInfo_RLimit_RLMT_NOFILE, Soft: pointer(uint64(10)), Hard: pointer(uint64(20))},
			{Type: mesos.RLimitInfo_RLimit_RLMT_CORE},
		}}
	}
	if rapid.Bool().Draw(t, "capabilities") {
		info.LinuxInfo = &mesos.LinuxInfo{EffectiveCapabilities: &mesos.CapabilityInfo{
			Capabilities: []mesos.CapabilityInfo_Capability{mesos.CapabilityInfo_NET_RAW, mesos.CapabilityInfo_CHOWN},
		}}
	}
	return info
}

func drawTask(t *rapid.T) runspec.Task {
	info := mesos.TaskInfo{Name: "t", Container: drawContainer(t)}
	command := &mesos.CommandInfo{Shell: optional(t, "shell", rapid.Bool()), Value: optional(t, "value", anyText), User: optional(t, "user", segment)}
	if command.GetShell() && command.Value == nil {
		command.Value = pointer("true")
	}
	command.Arguments = rapid.SliceOfN(anyText, 0, 3).Draw(t, "arguments")
	command.Environment = &mesos.Environment{}
	for range rapid.IntRange(0, 4).Draw(t, "variables") {
		command.Environment.Variables = append(command.Environment.Variables,
			mesos.Environment_Variable{Name: names.Draw(t, "name"), Value: pointer(anyText.Draw(t, "variable's value"))})
	}
	info.Command = command
	amount := rapid.OneOf(rapid.Float64Range(0, 4096), rapid.SampledFrom([]float64{0, 0.0004, 0.001, 0.29, 31.9, 32}))
	for _, name := range []string{"cpus", "mem", "gpus"} {
		value := amount.Draw(t, name)
		if name == "gpus" {
			value = float64(rapid.IntRange(0, 2).Draw(t, "gpus"))
		}
		info.Resources = append(info.Resources, mesos.Resource{Name: name, Scalar: &mesos.Value_Scalar{Value: value},
			AllocationInfo: &mesos.Resource_AllocationInfo{Role: pointer("web")}})
	}
	info.Resources = append(info.Resources, mesos.Resource{Name: "ports", Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 31000, End: 31003}}}})
	info.Limits = map[string]mesos.Value_Scalar{}
	for _, name := range []string{"cpus", "mem"} {
		if limit := optional(t, name+" limit", rapid.OneOf(amount, rapid.Just(math.Inf(1)))); limit != nil {
			info.Limits[name] = mesos.Value_Scalar{Value: *limit}
		}
	}
	return runspec.Task{
		Info:             info,
		Name:             "mesos-1",
		SandboxDirectory: rapid.SampledFrom([]string{"/sandbox", "/with:colon", "/with blank"}).Draw(t, "sandbox"),
		MappedDirectory:  rapid.SampledFrom([]string{"/mnt/mesos/sandbox", "/m:n"}).Draw(t, "mapped"),
		Environment:      rapid.MapOfN(names, anyText, 0, 2).Draw(t, "task environment"),
	}
}

func drawOptions(t *rapid.T) runspec.Options {
	return runspec.Options{
		CgroupsEnableCFS:    rapid.Bool().Draw(t, "cfs"),
		HostMemory:          8 << 30,
		HonorCommandUser:    rapid.Bool().Draw(t, "honor user"),
		LogDriver:           "local",
		LogOpts:             map[string]string{"max-size": "1m"},
		DefaultContainerDNS: defaultDNS,
	}
}

var defaultDNS = func() *agentflag.ContainerDNS {
	dns, err := agentflag.ParseDNS([]byte(`{"docker": [
		{"network_mode": "BRIDGE", "dns": {"nameservers": [" 8.8.8.8", "0::1"], "search": ["a.example. ", "."], "options": ["ndots:2"]}},
		{"network_mode": "USER", "network_name": "weave", "dns": {"nameservers": ["1.1.1.1"]}},
		{"network_mode": "USER", "dns": {"search": ["user.example"]}}]}`))
	if err != nil {
		panic(err)
	}
	return dns
}()

// asJSON is what the Engine would see; nil and empty differ as they do there.
func asJSON(t interface{ Fatalf(string, ...any) }, spec *runspec.Spec) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(spec); err != nil {
		t.Fatalf("encode spec: %v", err)
	}
	return text.String()
}

// TestTypedEqualsParsed holds the short path equal to docker's parser: restart=no says what docker assumes anyway, so it
// changes nothing but the path that is taken.
func TestTypedEqualsParsed(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		task, options := drawTask(t), drawOptions(t)
		parser := &inProcess{}
		options.Parameters = parser
		typed, typedErr := runspec.Translate(context.Background(), task, options)
		if parser.calls != 0 {
			t.Fatalf("a task with nothing but labels took the long path")
		}
		docker := task.Info.Container.Docker
		at := rapid.IntRange(0, len(docker.Parameters)).Draw(t, "place of the parameter without effect")
		docker.Parameters = slices.Insert(slices.Clone(docker.Parameters), at, mesos.Parameter{Key: "restart", Value: "no"})
		parsed, parsedErr := runspec.Translate(context.Background(), task, options)
		if typedErr != nil || parsedErr != nil {
			var fault *runspec.Error
			if fmt.Sprint(typedErr) != fmt.Sprint(parsedErr) || !errors.As(typedErr, &fault) {
				t.Fatalf("typed path: %v\nparsed path: %v", typedErr, parsedErr)
			}
			return
		}
		accepted++
		if parser.calls != 1 {
			t.Fatalf("the parser was asked %d times, want once", parser.calls)
		}
		typed.Parameters, parsed.Parameters = nil, nil // these are what the task says, and the two tasks say different things
		if diff := cmp.Diff(asJSON(t, parsed), asJSON(t, typed)); diff != "" {
			t.Fatalf("docker's parser (-) and the typed path (+) differ:\n%s", diff)
		}
	})
	if accepted == 0 {
		t.Error("no generated task was accepted, so nothing was compared")
	}
}
