package runspec_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/runspec"
)

const testHostMemory = 8 << 30

func scalar(name string, value float64) mesos.Resource {
	return mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: value}}
}

// limits are what Translate made of the resources.
type limits struct {
	Shares, Quota, Memory, Reservation int64
	OOMScoreAdj                        int
}

// TestResources is contract 2.2, row by row.
func TestResources(t *testing.T) {
	infinite := math.Inf(1)
	const mib = 1 << 20
	tests := []struct {
		name      string
		resources []mesos.Resource
		limits    map[string]float64
		cfs       bool
		want      limits
	}{
		{"nothing", nil, nil, true, limits{}},
		{"cpus", []mesos.Resource{scalar("cpus", 0.1)}, nil, false, limits{Shares: 102}},
		{"cpus over several roles", []mesos.Resource{scalar("cpus", 0.1), scalar("cpus", 0.2)}, nil, false, limits{Shares: 307}},
		{"floor of shares", []mesos.Resource{scalar("cpus", 0.001)}, nil, false, limits{Shares: 2}},
		{"less than Mesos counts", []mesos.Resource{scalar("cpus", 0.0004)}, nil, true, limits{}},
		{"cfs", []mesos.Resource{scalar("cpus", 1.5)}, nil, true, limits{Shares: 1536, Quota: 150000}},
		{"cfs floor", []mesos.Resource{scalar("cpus", 0.001)}, nil, true, limits{Shares: 2, Quota: 1000}},
		{"cpu limit without cfs", []mesos.Resource{scalar("cpus", 1)}, map[string]float64{"cpus": 2}, false, limits{Shares: 1024, Quota: 200000}},
		{"cpu limit is cut off", []mesos.Resource{scalar("cpus", 1)}, map[string]float64{"cpus": 0.29}, false, limits{Shares: 1024, Quota: 28999}},
		{"infinite cpus", []mesos.Resource{scalar("cpus", 1)}, map[string]float64{"cpus": infinite}, true, limits{Shares: 1024}},
		{"memory", []mesos.Resource{scalar("mem", 64.9)}, nil, false, limits{Memory: 64 * mib}},
		{"floor of memory", []mesos.Resource{scalar("mem", 31)}, nil, false, limits{Memory: 32 * mib}},
		{"memory limit", []mesos.Resource{scalar("mem", 1024)}, map[string]float64{"mem": 2048.7}, false,
			limits{Memory: 2048 * mib, Reservation: 1024 * mib, OOMScoreAdj: 875}},
		{"memory limit equal to the request", []mesos.Resource{scalar("mem", 64)}, map[string]float64{"mem": 64}, false,
			limits{Memory: 64 * mib, Reservation: 64 * mib}},
		{"infinite memory", []mesos.Resource{scalar("mem", 16)}, map[string]float64{"mem": infinite}, false,
			limits{Reservation: 32 * mib, OOMScoreAdj: 999}},
		{"infinite memory, more than the host has", []mesos.Resource{scalar("mem", 9000)}, map[string]float64{"mem": infinite}, false,
			limits{Reservation: 9000 * mib, OOMScoreAdj: 0}},
		{"memory limit without a request", nil, map[string]float64{"mem": 1}, false, limits{Memory: 32 * mib}},
		{"others do not count", []mesos.Resource{scalar("disk", 1000), scalar("bananas", 3)}, nil, true, limits{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			info := infoOf(t, dockerTask("", "", shellCommand))
			info.Resources = test.resources
			info.Limits = map[string]mesos.Value_Scalar{}
			for name, value := range test.limits {
				info.Limits[name] = mesos.Value_Scalar{Value: value}
			}
			host := translate(t, taskOf(info), runspec.Options{CgroupsEnableCFS: test.cfs, HostMemory: testHostMemory}).HostConfig
			got := limits{host.CPUShares, host.CPUQuota, host.Memory, host.MemoryReservation, host.OomScoreAdj}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if host.CPUPeriod != 0 || host.MemorySwap != 0 {
				t.Errorf("cpu period %d, memory and swap %d: both are the Engine's to choose", host.CPUPeriod, host.MemorySwap)
			}
		})
	}
}

func TestResourcesOfTheExecutorCount(t *testing.T) {
	info := infoOf(t, dockerTask("", "", customExecutor))
	info.Resources = []mesos.Resource{scalar("cpus", 1)}
	info.Executor.Resources = []mesos.Resource{scalar("cpus", 0.5)}
	if got := translate(t, taskOf(info), runspec.Options{}).HostConfig.CPUShares; got != 1536 {
		t.Errorf("cpu shares %d, want 1536", got)
	}
}

func TestUnknownHostMemory(t *testing.T) {
	info := infoOf(t, dockerTask("", "", shellCommand))
	info.Resources = []mesos.Resource{scalar("mem", 64)}
	info.Limits = map[string]mesos.Value_Scalar{"mem": {Value: math.Inf(1)}}
	if got := translate(t, taskOf(info), runspec.Options{}).HostConfig.OomScoreAdj; got != 0 {
		t.Errorf("oom_score_adj %d, want it left alone", got)
	}
}

func TestAmountsThatAreNone(t *testing.T) {
	for _, value := range []float64{math.NaN(), -1, math.Inf(1), math.Inf(-1), 1e300} {
		for _, name := range []string{"cpus", "mem", "gpus"} {
			info := infoOf(t, dockerTask("", "", shellCommand))
			info.Resources = []mesos.Resource{scalar(name, value)}
			wantFault(t, taskOf(info), runspec.Options{}, fmt.Sprintf("%v is not an amount of %s", value, name), "resources."+name)
		}
		if math.IsInf(value, 1) {
			continue
		}
		info := infoOf(t, dockerTask("", "", shellCommand))
		info.Limits = map[string]mesos.Value_Scalar{"cpus": {Value: value}}
		wantFault(t, taskOf(info), runspec.Options{}, fmt.Sprintf("%v is not an amount of cpus", value), "limits.cpus")
	}
}

func TestMemoryLimitBelowTheRequest(t *testing.T) {
	info := infoOf(t, dockerTask("", "", shellCommand))
	info.Resources = []mesos.Resource{scalar("mem", 64)}
	info.Limits = map[string]mesos.Value_Scalar{"mem": {Value: 48}}
	wantFault(t, taskOf(info), runspec.Options{}, "the limit of 48 MB is less than the request of 64 MB", "limits.mem")
}

func TestGPUs(t *testing.T) {
	info := infoOf(t, dockerTask("", "", shellCommand))
	info.Resources = []mesos.Resource{scalar("gpus", 2)}
	spec := translate(t, taskOf(info), runspec.Options{})
	if requests := spec.HostConfig.DeviceRequests; len(requests) != 1 || requests[0].Count != 2 {
		t.Errorf("device requests %+v, want one of two GPUs", requests)
	}
	info.Resources = []mesos.Resource{scalar("gpus", 0.5)}
	wantFault(t, taskOf(info), runspec.Options{}, "The 'gpus' resource must be an unsigned integer", "resources.gpus")
}
