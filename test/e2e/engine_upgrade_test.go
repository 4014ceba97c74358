package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mesos-docker-containerizer/test/environment"
)

// An Engine with live-restore is upgraded under a task, and rolled back: the task lives, its port answers, and no line of its output is
// lost. test/compat/run names the programs.
func TestUpgradeOfTheEngine(t *testing.T) {
	to := os.Getenv("ENGINE_PROGRAMS")
	if to == "" {
		t.Skip("NOT TESTED, an upgrade needs the programs of another Engine: run it with make compat")
	}
	froms := map[string]string{"the distribution's": ""}
	for _, directory := range filepath.SplitList(os.Getenv("EARLIER_ENGINE_PROGRAMS")) {
		froms[filepath.Base(directory)] = directory
	}
	for name, from := range froms {
		t.Run("from "+name, func(t *testing.T) {
			engine := &restartable{directory: shortDirectory(t), programs: from, network: newNetwork(t)}
			engine.begin(t)
			h := newHost(t)
			const port = 18480
			info := untilTold(t, `echo "line $i"; [ $i != 1 ] || { /bin/probe http -directory /etc 8080 >/dev/null 2>&1 & }`)
			bridge(&info, mapping(port, 8080, "tcp"))
			k := h.launch(t, info)
			k.awaitOutput(t, "line 100\n")
			for _, programs := range []string{to, from} {
				engine.end(t, syscall.SIGTERM)
				engine.programs = programs
				engine.start(t)
				had := len(k.output(t, "stdout"))
				environment.Eventually(t, patience, "more output", func() bool { return len(k.output(t, "stdout")) > had+300 })
				environment.Eventually(t, patience, "the port to answer", func() bool {
					page, err := exec.Command("nsenter", "--net="+engine.network, "busybox", "wget", "-q", "-O", "-",
						fmt.Sprintf("http://127.0.0.1:%d/passwd", port)).Output()
					return err == nil && strings.Contains(string(page), "root")
				})
			}
			k.tellEnd(t)
			k.finish(t)
			var count int
			fmt.Sscan(k.output(t, "count"), &count)
			got := k.output(t, "stdout")
			for i := range count {
				if line := fmt.Sprintf("line %d\n", i); !strings.Contains(got, line) {
					t.Errorf("%q is missing", line)
				}
			}
			if twice := strings.Count(got, "\n") - count; twice > 0 {
				t.Logf("%d of %d lines came twice", twice, count)
			}
		})
	}
}

// newNetwork makes a network namespace, with a loopback interface, that is there until the test ends.
func newNetwork(t *testing.T) (path string) {
	t.Helper()
	holder := exec.Command("unshare", "--net", "sh", "-c", "busybox ip link set lo up && echo up && exec sleep 100000")
	up, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	if _, err := io.ReadFull(up, make([]byte, len("up\n"))); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("/proc/%d/ns/net", holder.Process.Pid)
}
