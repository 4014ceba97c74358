package agents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that must happen, on a loaded machine.
const patience = 2 * time.Minute

// tree is an install tree of Mesos, below prefix.
type tree struct{ prefix, master, agent, helpers string }

// findTree looks for the programs where releases and packages have them.
func findTree(prefix string) (tree, error) {
	t := tree{prefix: prefix}
	var missing []string
	for _, want := range []struct {
		into  *string
		names []string
	}{
		{&t.master, []string{"sbin/mesos-master", "bin/mesos-master"}},
		{&t.agent, []string{"sbin/mesos-agent", "sbin/mesos-slave", "bin/mesos-agent", "bin/mesos-slave"}},
		{&t.helpers, []string{"libexec/mesos/mesos-docker-executor"}},
	} {
		for _, name := range want.names {
			path := filepath.Join(prefix, name)
			if _, err := os.Stat(path); err == nil && *want.into == "" {
				*want.into = path
			}
		}
		if *want.into == "" {
			missing = append(missing, strings.Join(want.names, " or "))
		}
	}
	if missing != nil {
		return tree{}, fmt.Errorf("%s has no %s: it must be an install tree of Mesos or ClusterD (make install DESTDIR=…)", prefix, strings.Join(missing, ", no "))
	}
	t.helpers = filepath.Dir(t.helpers)
	return t, nil
}

// cluster is a master and an agent on one route, and our daemon where the route has one.
type cluster struct {
	t         testing.TB
	tree      tree
	route     route
	directory string
	socket    string // the Engine's
	programs  string // ours
	master    string // host:port, as agent
	agent     string

	agentProcess *exec.Cmd
}

// route is how a task reaches its executor.
type route string

const (
	stock  route = "stock"
	dropIn route = "drop-in"
	custom route = "custom"
)

// newCluster starts all that the route needs. It ends with the test.
func newCluster(t testing.TB, tree tree, r route, socket, programs string) *cluster {
	t.Helper()
	c := &cluster{t: t, tree: tree, route: r, directory: t.TempDir(), socket: socket, programs: programs, master: freeAddress(t), agent: freeAddress(t)}
	t.Cleanup(func() {
		if t.Failed() {
			c.tell()
		}
		_ = syscall.Unmount(filepath.Join(c.directory, "runtime/isolators/network/cni"), syscall.MNT_DETACH) // the agent's mount on itself
	})
	if r != stock {
		c.start("daemon", filepath.Join(programs, "mesos-docker-containerizer"), "serve", "--docker_socket="+socket, "--work_dir="+c.work(),
			"--containerizers=docker,mesos", "--log_level=debug")
		c.mustAwait("the daemon", func() bool { _, err := os.Stat("/run/mesos-docker-containerizer/executor.sock"); return err == nil })
	}
	host, port, _ := net.SplitHostPort(c.master)
	c.start("master", tree.master, "--ip="+host, "--port="+port, "--work_dir="+filepath.Join(c.directory, "master"), "--registry=in_memory",
		"--hostname="+host, "--allocation_interval=50ms")
	c.mustAwait("the master", func() bool { return answers("http://" + c.master + "/health") })
	c.startAgent()
	return c
}

func (c *cluster) work() string { return filepath.Join(c.directory, "work") }

// startAgent starts the agent, as after a crash where it ran before, and waits until it has recovered.
func (c *cluster) startAgent() {
	c.t.Helper()
	host, port, _ := net.SplitHostPort(c.agent)
	flags := []string{
		"--master=" + c.master, "--ip=" + host, "--port=" + port, "--hostname=" + host, "--work_dir=" + c.work(),
		"--runtime_dir=" + filepath.Join(c.directory, "runtime"), "--launcher=posix", "--isolation=posix/cpu,posix/mem",
		"--resources=cpus:64;mem:16384;disk:1024;ports:[31000-31999]", "--no-systemd_enable_support", "--no-switch_user",
		"--executor_registration_timeout=1mins", "--executor_reregistration_timeout=5secs", "--docker_socket=" + c.socket,
	}
	switch c.route {
	case stock:
		flags = append(flags, "--containerizers=docker,mesos", "--launcher_dir="+c.tree.helpers, "--docker=docker")
	case dropIn:
		overlay := c.overlay()
		flags = append(flags, "--containerizers=docker,mesos", "--launcher_dir="+overlay, "--docker="+filepath.Join(overlay, "docker"))
	case custom:
		flags = append(flags, "--containerizers=mesos", "--launcher_dir="+c.tree.helpers)
	}
	c.agentProcess = c.start("agent", c.tree.agent, flags...)
	c.mustAwait("the agent", func() bool { return answers("http://" + c.agent + "/health") })
}

// overlay is the folder that `setup` makes: links to all of Mesos's helpers, with our programs in the place of two.
func (c *cluster) overlay() string {
	c.t.Helper()
	overlay := filepath.Join(c.directory, "overlay")
	if err := os.Mkdir(overlay, 0o755); errors.Is(err, os.ErrExist) {
		return overlay
	} else if err != nil {
		c.t.Fatal(err)
	}
	helpers, err := os.ReadDir(c.tree.helpers)
	if err != nil {
		c.t.Fatal(err)
	}
	links := map[string]string{}
	for _, h := range helpers {
		links[h.Name()] = filepath.Join(c.tree.helpers, h.Name())
	}
	links["mesos-docker-executor"], links["docker"] = filepath.Join(c.programs, "mesos-docker-executor"), filepath.Join(c.programs, "mesos-docker-cli")
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(overlay, name)); err != nil {
			c.t.Fatal(err)
		}
	}
	return overlay
}

// start runs a program until the test ends, its output in a file of the cluster's.
func (c *cluster) start(name, program string, arguments ...string) *exec.Cmd {
	c.t.Helper()
	log, err := os.OpenFile(c.log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(program, arguments...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(c.tree.prefix, "lib"), "GLOG_v=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func (c *cluster) log(name string) string { return filepath.Join(c.directory, name+".log") }

// restartAgent kills the agent and starts it again after what the caller does meanwhile.
func (c *cluster) restartAgent(meanwhile func() error) error {
	if err := c.agentProcess.Process.Kill(); err != nil {
		return err
	}
	_ = c.agentProcess.Wait()
	if err := meanwhile(); err != nil {
		return err
	}
	c.startAgent()
	return nil
}

// mustAwait asks until the condition holds.
func (c *cluster) mustAwait(what string, condition func() bool) {
	c.t.Helper()
	if err := until(what, condition); err != nil {
		c.t.Fatal(err)
	}
}

// until asks, some times a second, until a condition outside this process holds.
func until(what string, condition func() bool) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			return fmt.Errorf("waited %v for %s", patience, what)
		}
	}
	return nil
}

// tell shows the ends of the logs, and of what the executors have said.
func (c *cluster) tell() {
	logs := []string{c.log("master"), c.log("agent"), c.log("daemon")}
	executors, _ := filepath.Glob(filepath.Join(c.work(), "slaves/*/frameworks/*/executors/*/runs/latest/stderr"))
	for _, name := range append(logs, executors...) {
		text, err := os.ReadFile(name)
		if err == nil && len(text) > 0 {
			lines := strings.Split(string(text), "\n")
			c.t.Logf("end of %s on route %s:\n%s", name, c.route, strings.Join(lines[max(0, len(lines)-60):], "\n"))
		}
	}
}

func answers(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode == http.StatusOK
}

// freeAddress is a port that nothing listens on now. A program that takes no listener needs its number.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
