package containerizer

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// argumentsTask is a task with arguments and no shell; without arguments the image decides.
func argumentsTask(t *testing.T, image string, arguments ...string) mesos.TaskInfo {
	t.Helper()
	task := dockerTask(t, image, "")
	task.Command = &mesos.CommandInfo{Shell: new(bool), Arguments: arguments}
	return task
}

// TestStartThatFailsIsExplained has programs that cannot be run. The message is one line, without the container's id.
func TestStartThatFailsIsExplained(t *testing.T) {
	const usual = "PATH is /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin, ENTRYPOINT is not set"
	broken := testimage.Spec{Workdir: "/srv", Files: map[string]testimage.File{
		"/etc/settings": {Content: "x"}, "/srv/folder/x": {Content: "x"}, "/bin/dangling": {Link: "/opt/nothing"}, "/srv/linked": {Link: "/etc/settings"},
	}}
	for name, test := range map[string]struct {
		image     testimage.Spec
		arguments []string
		want      string
	}{
		"not on the PATH":      {broken, []string{"nosuch", "hunter2"}, `the program "nosuch" cannot be run: it is not in the container; ` + usual},
		"not there":            {broken, []string{"/opt/nosuch", "hunter2"}, `the program "/opt/nosuch" cannot be run: it is not in the container; ` + usual},
		"relative":             {broken, []string{"./nosuch"}, `the program "./nosuch" cannot be run: it is not in the container; ` + usual},
		"not executable":       {broken, []string{"/etc/settings"}, `the program "/etc/settings" cannot be run: /etc/settings is not executable, its mode is 0644; ` + usual},
		"link to one":          {broken, []string{"./linked"}, `the program "./linked" cannot be run: /srv/linked is not executable, its mode is 0644; ` + usual},
		"directory":            {broken, []string{"./folder"}, `the program "./folder" cannot be run: /srv/folder is a directory; ` + usual},
		"link that leads away": {broken, []string{"dangling"}, `the program "dangling" cannot be run: it is not in the container; ` + usual},
		"PATH of the image":    {testimage.Spec{Env: []string{"PATH=/opt:/srv"}}, []string{"sh"}, `the program "sh" cannot be run: it is not in the container; PATH is /opt:/srv, ENTRYPOINT is not set`},
		"ENTRYPOINT":           {testimage.Spec{Entrypoint: []string{"/entry.sh", "--fast"}}, []string{"hunter2"}, `the program "/entry.sh" cannot be run: it is not in the container; PATH is /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin, ENTRYPOINT is ["/entry.sh" "--fast"]`},
		"nothing in the image": {testimage.Spec{Empty: true}, []string{"/bin/sh"}, `the program "/bin/sh" cannot be run: it is not in the container; ` + usual},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			e := h.newExecutor()
			e.launch(argumentsTask(t, environment.Image(t, test.image), test.arguments...))
			exit := e.awaitExit()
			if exit.Outcome != wire.OutcomeFailed || exit.Fault != wire.FaultTask || !strings.Contains(exit.Message, test.want) {
				t.Errorf("%+v, want %q", exit, test.want)
			}
			if strings.Contains(exit.Message, "hunter2") || strings.Contains(exit.Message, "\n") || strings.Contains(exit.Message, "OCI") {
				t.Errorf("message %q", exit.Message)
			}
			if !strings.HasPrefix(exit.Message, "Failed to run docker container: ") {
				t.Errorf("message %q", exit.Message)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}

// TestImageOfAnotherArchitecture has a program that this processor cannot run, and images that only say they are for another.
func TestImageOfAnotherArchitecture(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	if other == "" {
		t.Fatalf("no other architecture is known for %s", runtime.GOARCH)
	}
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const machine = 18 // e_machine of an ELF header, little-endian
	program[machine], program[machine+1] = map[string]byte{"arm64": 0xb7, "amd64": 0x3e}[other], 0
	foreign := testimage.Spec{Empty: true, Architecture: other, Files: map[string]testimage.File{"/app": {Content: string(program), Mode: 0o755}}}
	want := "the image is for linux/" + other
	for name, test := range map[string]struct {
		image     testimage.Spec
		arguments []string
		code      int
		want      string
	}{
		"foreign program":            {foreign, []string{"/app"}, -1, want},
		"its programs run, it fails": {testimage.Spec{Architecture: other}, []string{"sh", "-c", "exit 3"}, 3, want},
		"its programs run":           {testimage.Spec{Architecture: other}, []string{"true"}, 0, ""},
		"of this host":               {testimage.Spec{}, []string{"sh", "-c", "exit 3"}, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			e := h.newExecutor()
			e.launch(argumentsTask(t, environment.Image(t, test.image), test.arguments...))
			exit := e.awaitExit()
			if test.want == "" && exit.Message != "" || !strings.Contains(exit.Message, test.want) || test.want != "" && !strings.Contains(exit.Message, "this host is linux/"+runtime.GOARCH) {
				t.Errorf("%+v, want %q", exit, test.want)
			}
			if test.code >= 0 && exit.Code != test.code {
				t.Errorf("code %d, want %d", exit.Code, test.code)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}

// TestArgumentsThatAreTooLarge has commands and environments at the limits of the kernel.
func TestArgumentsThatAreTooLarge(t *testing.T) {
	image := environment.Busybox(t)
	of := func(n, size int) []string {
		arguments := []string{"true"}
		for range n {
			arguments = append(arguments, strings.Repeat("x", size))
		}
		return arguments
	}
	longest := 32*os.Getpagesize() - 1
	stack := []mesos.Parameter{{Key: "ulimit", Value: "stack=4194304"}}
	for name, test := range map[string]struct {
		arguments  []string
		parameters []mesos.Parameter
		outcome    wire.Outcome
		note, want string // parts of the messages at the start and at the end
	}{
		"the longest argument":  {of(1, longest), nil, wire.OutcomeExited, "", ""},
		"a longer one":          {of(1, longest+1), nil, wire.OutcomeFailed, "", "Failed to create docker run options: string 2 of the command has 131072 bytes"},
		"together, of a limit":  {of(12, 100_000), stack, wire.OutcomeFailed, "", "takes at most 1048576 with a stack limit of 4194304 bytes"},
		"large, within a limit": {of(10, 100_000), stack, wire.OutcomeExited, "", ""},
		"large":                 {of(20, 100_000), nil, wire.OutcomeExited, "", ""},
		"perhaps too large": {of(21, 100_000), nil, wire.OutcomeExited, "with the usual stack limit of 8MiB",
			"the command and the environment have 21"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			e := h.newExecutor()
			task := argumentsTask(t, image, test.arguments...)
			task.Container.Docker.Parameters = test.parameters
			e.launch(task)
			exit := e.awaitExit()
			if exit.Outcome != test.outcome || (exit.Code == 0) != (test.want == "" || test.outcome == wire.OutcomeFailed) || !strings.Contains(exit.Message, test.want) ||
				test.want == "" && exit.Message != "" {
				t.Errorf("%+v, want %q", exit, test.want)
			}
			if e.running != nil && (!strings.Contains(e.running.Note, test.note) || test.note == "" && e.running.Note != "") {
				t.Errorf("note %q, want %q", e.running.Note, test.note)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}
