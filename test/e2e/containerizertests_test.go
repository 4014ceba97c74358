package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// behaviour is one that a test of Mesos proves of the stock docker containerizer (contract 7), under that test's name.
type behaviour struct {
	name string

	// shown shows it here, by the real executor under a strict agent.
	shown func(t *testing.T)

	// proved names the tests of this module that show it already, as path of the package and test.
	proved []string

	// agents says why it is nothing of ours: only an agent can show it, or the behaviour is all its own.
	agents string
}

// catalogue are the behaviours by the file of Mesos's tests, prefixes such as ROOT_DOCKER_ left out.
var catalogue = map[string]struct {
	names      string
	behaviours []behaviour
}{
	"docker_containerizer_tests.cpp": {`
		Launch_Executor Launch_Executor_Bridged Launch MaxCompletionTime Kill TaskKillingCapability Usage Recover KillOrphanContainers
		SkipRecoverNonDocker SkipRecoverMalformedUUID LaunchWithPersistentVolumes RecoverPersistentVolumes
		RecoverOrphanedPersistentVolumes Logs Default_CMD Default_CMD_Override Default_CMD_Args SlaveRecoveryTaskContainer
		SlaveRecoveryExecutorContainer NC_PortMapping LaunchSandboxWithColon DestroyWhileFetching DestroyWhilePulling
		DestroyUnknownContainer WaitUnknownContainer ExecutorCleanupWhenLaunchFailed FetchFailure DockerPullFailure DockerInspectDiscard
		NoTransitionFromKillingToRunning NoTransitionFromKillingToFinished CGROUPS_CFS_CgroupsEnableCFS CGROUPS_CFS_CommandTaskLimits
		CGROUPS_CFS_CommandTaskInfiniteLimits UNPRIVILEGED_USER_NonRootSandbox DefaultDNS AllocationRoleEnvironmentVariable
		LaunchIPv6HostNetwork LaunchIPv6Container InspectHungDuringPull OverrideKillPolicy`,
		containerizerTests},
	"docker_tests.cpp": {`
		interface kill Version CheckCommandWithShell CheckPortResource CancelPull MountRelativeHostPath MountAbsoluteHostPath
		MountRelativeContainerPath MountRelativeHostPathRelativeContainerPath ParseInspectonImage NVIDIA_GPU_DeviceAllow
		NVIDIA_GPU_InspectDevices ConflictingVolumeDriversInMultipleVolumes ConflictingVolumeDrivers`,
		dockerTests},
	"health_check_tests.cpp": {`
		USERNETWORK_NETNAMESPACE_HealthyTaskViaHTTP USERNETWORK_NETNAMESPACE_HealthyTaskViaHTTPS
		USERNETWORK_NETNAMESPACE_HealthyTaskViaTCP DockerHealthyTask DockerHealthStatusChange DockerHealthyTaskWithQuotedCommand
		HealthyTaskNonShell HealthyTaskViaHTTPWithoutType ConsecutiveFailures EnvironmentSetup GracePeriod CheckCommandTimeout
		HealthyToUnhealthyTransitionWithinGracePeriod HealthCheckProtobufValidation`,
		healthTests},
	"check_tests.cpp": {`
		CommandCheckDeliveredAndReconciled CommandCheckStatusChange CommandCheckSeesParentsEnv CommandCheckSharesWorkDirWithTask
		CommandCheckTimeout CommandCheckAndHealthCheckNoShadowing HTTPCheckDelivered TCPCheckDelivered CheckInfoValidation
		CheckStatusInfoValidation`,
		checkTests},
	"hook_tests.cpp": {`
		VerifySlavePreLaunchDockerTaskExecutorDecorator VerifySlavePreLaunchDockerValidator VerifySlavePreLaunchDockerHook
		VerifySlavePostFetchHook`,
		hookTests},
}

func TestDockerContainerizer(t *testing.T) { showAll(t, "docker_containerizer_tests.cpp") }
func TestDocker(t *testing.T)              { showAll(t, "docker_tests.cpp") }
func TestDockerHealth(t *testing.T)        { showAll(t, "health_check_tests.cpp") }
func TestDockerChecks(t *testing.T)        { showAll(t, "check_tests.cpp") }
func TestDockerHooks(t *testing.T)         { showAll(t, "hook_tests.cpp") }

func showAll(t *testing.T, file string) {
	t.Parallel()
	for _, b := range catalogue[file].behaviours {
		if b.shown != nil {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				b.shown(t)
			})
		}
	}
}

// Each name of Mesos's tests is accounted for, once, in one way: it is shown here, or by a test that exists, or there is a reason.
func TestCatalogueIsComplete(t *testing.T) {
	for file, part := range catalogue {
		var names []string
		for _, b := range part.behaviours {
			names = append(names, b.name)
			ways := 0
			for _, holds := range []bool{b.shown != nil, len(b.proved) > 0, b.agents != ""} {
				if holds {
					ways++
				}
			}
			if ways != 1 {
				t.Errorf("%s: %s is accounted for in %d ways", file, b.name, ways)
			}
			for _, test := range b.proved {
				wantTest(t, test)
			}
		}
		want := strings.Fields(part.names)
		slices.Sort(want)
		slices.Sort(names)
		if !slices.Equal(want, names) {
			t.Errorf("%s has %v, the table %v", file, want, names)
		}
	}
}

// wantTest sees that a test is there: "test/e2e TestVolumes/relative host path".
func wantTest(t *testing.T, test string) {
	t.Helper()
	directory, name, _ := strings.Cut(test, " ")
	function, subtest, _ := strings.Cut(name, "/")
	files, err := filepath.Glob(filepath.Join("../..", directory, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, rest, found := bytes.Cut(source, []byte("\nfunc "+function+"(")); found {
			body, _, _ := bytes.Cut(rest, []byte("\n}\n"))
			if bytes.Contains(body, []byte(`"`+subtest)) {
				return
			}
		}
	}
	t.Errorf("there is no test %s", test)
}
