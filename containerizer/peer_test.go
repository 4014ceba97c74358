package containerizer

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// foreigner is a user that owns nothing on a host but what a test gives it.
const foreigner = 54321

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: being several users needs root")
	}
}

// workDirectory is an agent's, with the sandbox of a foreigner in it, in a place that everybody can get to.
func workDirectory(t *testing.T) (work, sandbox string) {
	t.Helper()
	work, err := os.MkdirTemp("", "mesos-docker-containerizer-work-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(work) })
	sandbox = filepath.Join(work, "slaves", "s", "runs", "r")
	if err := os.MkdirAll(sandbox, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, owner := range map[string]int{work: 0, sandbox: foreigner} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	return work, sandbox
}

func TestCheckSandbox(t *testing.T) {
	needsRoot(t)
	work, sandbox := workDirectory(t)
	runs := filepath.Dir(sandbox)
	make := func(path string, owner int, mode os.FileMode) string {
		t.Helper()
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, owner, owner); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(target, path string) string {
		t.Helper()
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := filepath.Join(runs, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	open := make(filepath.Join(work, "open"), 0, 0o777)
	for name, tt := range map[string]struct{ sandbox, fault string }{
		"the agent's":           {sandbox, ""},
		"another's":             {make(filepath.Join(runs, "other"), 12345, 0o755), "belongs to user 12345"},
		"root's":                {runs, "belongs to user 0"},
		"the work directory":    {work, "does not lie below"},
		"elsewhere":             {outside, "does not lie below"},
		"a name like it":        {work + "x/s", "does not lie below"},
		"by dots":               {sandbox + "/../r", "does not lie below"},
		"out by dots":           {work + "/../../etc", "does not lie below"},
		"a symlink":             {link(sandbox, filepath.Join(runs, "link")), "without following symlinks"},
		"below a symlink":       {link(runs, filepath.Join(work, "linked")) + "/r", "without following symlinks"},
		"a symlink out":         {link(outside, filepath.Join(runs, "out")), "without following symlinks"},
		"within a sandbox":      {make(sandbox+"/sub", foreigner, 0o755), "lets others than root in"},
		"where all may write":   {make(open+"/s", foreigner, 0o755), "lets others than root in"},
		"a file":                {file, "cannot be opened"},
		"nothing":               {filepath.Join(runs, "missing"), "cannot be opened"},
		"not clean":             {work + "//slaves/s/runs/r", "does not lie below"},
		"with a slash too many": {sandbox + "/", "does not lie below"},
	} {
		err := checkSandbox(work, tt.sandbox, foreigner)
		if tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
			t.Errorf("%s: %v, want %q", name, err, tt.fault)
		}
	}
}

// foreign starts an executor as a foreigner.
func (h *host) foreign(attach wire.Attach, task mesos.TaskInfo) *process {
	h.t.Helper()
	attach.Version, attach.Framework, attach.Executor = wire.Version, "framework", h.t.Name()
	return h.execute(task, attach, func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: foreigner, Gid: foreigner}}
		cmd.Dir = "/"
	})
}

// openHost is a host whose socket everybody can connect to.
func openHost(t *testing.T, change ...func(*Options)) (h *host, sandbox string) {
	t.Helper()
	needsRoot(t)
	work, sandbox := workDirectory(t)
	h = newHost(t, append([]func(*Options){func(o *Options) { o.OtherUsers, o.WorkDirectory = true, work }}, change...)...)
	if err := os.Chmod(h.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(h.socket); dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return h, sandbox
}

// refused is the answer to an attach that is refused.
func (p *process) refused(t *testing.T) string {
	t.Helper()
	var m wire.Message
	if err := p.lines.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if m.Refused == nil {
		t.Fatalf("not refused: %+v", m)
	}
	return m.Refused.Reason
}

// TestOtherUsersRunAsThemselves launches a task for a foreigner on the real Engine.
func TestOtherUsersRunAsThemselves(t *testing.T) {
	h, sandbox := openHost(t)
	task := dockerTask(t, environment.Busybox(t), `id > id; grep NoNewPrivs /proc/self/status >> id; exec sleep 600`)
	task.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_NONE.Enum()
	line := "cd /mnt/mesos/sandbox && " + *task.Command.Value
	task.Command.Value = &line
	p := h.foreign(wire.Attach{Route: wire.RouteCustom, Sandbox: sandbox, StopGrace: 100 * time.Millisecond}, task)
	p.awaitRunning(t)
	var id []byte
	environment.Eventually(t, patience, "the task to say who it is", func() bool {
		id, _ = os.ReadFile(filepath.Join(sandbox, "id"))
		return bytes.Contains(id, []byte("NoNewPrivs"))
	})
	for _, want := range []string{"uid=54321", "gid=54321", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(id), want) {
			t.Errorf("the task says %q, want %q", id, want)
		}
	}
	if strings.Contains(string(id), "groups=0") || strings.Contains(string(id), "uid=0") {
		t.Errorf("the task says %q", id)
	}
	p.kill()
	h.awaitNoContainers()
}

// TestOtherUsersAreRefused has what a foreigner cannot attach with, and what its tasks cannot ask for.
func TestOtherUsersAreRefused(t *testing.T) {
	h, sandbox := openHost(t)
	none := mesos.ContainerInfo_DockerInfo_NONE.Enum()
	task := dockerTask(t, environment.Busybox(t), "true")
	task.Container.Docker.Network = none
	for name, tt := range map[string]struct {
		attach wire.Attach
		words  []string
	}{
		"drop-in":         {wire.Attach{Route: wire.RouteDropIn, ContainerName: "mesos-x", Sandbox: sandbox}, []string{"drop-in"}},
		"a name":          {wire.Attach{Route: wire.RouteCustom, ContainerName: "database", Sandbox: sandbox}, []string{"name"}},
		"another sandbox": {wire.Attach{Route: wire.RouteCustom, Sandbox: "/etc"}, []string{`"/etc"`, "work directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			mustName(t, h.foreign(tt.attach, task).refused(t), tt.words...)
		})
	}
	etc := "/etc"
	for name, tt := range map[string]struct {
		change func(*mesos.TaskInfo)
		words  []string
	}{
		"host network": {func(task *mesos.TaskInfo) { task.Container.Docker.Network = mesos.ContainerInfo_DockerInfo_HOST.Enum() }, []string{"allowed_networks"}},
		"host path": {func(task *mesos.TaskInfo) {
			task.Container.Volumes = []mesos.Volume{{ContainerPath: "/x", HostPath: &etc, Mode: mesos.RO.Enum()}}
		}, []string{"allowed_host_paths"}},
		"root": {func(task *mesos.TaskInfo) {
			task.Container.Docker.Parameters = []mesos.Parameter{parameter("user", "0:0")}
		}, []string{"allow_privileged", "0:0"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			task := dockerTask(t, environment.Busybox(t), "true")
			task.Container.Docker.Network = none
			tt.change(&task)
			exit := h.foreign(wire.Attach{Route: wire.RouteCustom, Sandbox: sandbox}, task).awaitExit(t)
			mustName(t, exit.Message, append(tt.words, "do not run as root")...)
		})
	}
}

// TestOtherUsersCannotTakeOver claims the container of another executor, as if it had been attached to it before.
func TestOtherUsersCannotTakeOver(t *testing.T) {
	h, sandbox := openHost(t)
	victim := h.newExecutor()
	victim.launch(dockerTask(t, environment.Busybox(t), "exec sleep 600"))
	victim.awaitRunning()
	task := dockerTask(t, environment.Busybox(t), "true")
	claim := wire.State{Launch: launchOf(t, task), ContainerID: victim.state.ContainerID, Kill: &wire.Kill{Deadline: time.Now()}, HasOutput: true}
	exit := h.foreign(wire.Attach{Route: wire.RouteCustom, Sandbox: sandbox, State: &claim}, task).awaitExit(t)
	if exit.Outcome != wire.OutcomeUnknown {
		t.Errorf("%+v", exit)
	}
	found, err := h.docker.ContainerInspect(t.Context(), victim.state.ContainerID)
	if err != nil || !found.State.Running {
		t.Errorf("the other executor's container is gone: %v", err)
	}
	h.docker.ContainerKill(t.Context(), victim.state.ContainerID, "KILL")
	victim.awaitExit()
	victim.done()
	h.awaitNoContainers()
}

// TestOtherUsersNeedTheGroup: without socket_group nobody but root gets in, whatever the socket's mode.
func TestOtherUsersNeedTheGroup(t *testing.T) {
	h, sandbox := openHost(t, func(o *Options) { o.OtherUsers = false })
	task := dockerTask(t, environment.Busybox(t), "true")
	mustName(t, h.foreign(wire.Attach{Route: wire.RouteCustom, Sandbox: sandbox}, task).refused(t), "user 54321", "only root's")
}

// TestForeignersClaimTheirOwnNameOnly: whatever container a foreigner says it has had, what is looked at is under its own name.
func TestForeignersClaimTheirOwnNameOnly(t *testing.T) {
	needsRoot(t)
	work, sandbox := workDirectory(t)
	s := &Server{options: Options{OtherUsers: true, WorkDirectory: work}}
	process := wire.Process{PID: 7, StartTime: 8, BootID: "b"}
	claim := func(user *policy.User) *wire.Attach {
		a := &wire.Attach{Route: wire.RouteCustom, Sandbox: sandbox, State: &wire.State{Launch: wire.Launch{Task: "task"}, ContainerID: "victim", Exited: true}}
		if err := s.vouch(a, peer{Process: process, uid: foreigner, user: user}); err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := claim(&policy.User{UID: foreigner}); a.State.ContainerID != containerName(a, "task", process) {
		t.Errorf("a foreigner may have %s looked at", a.State.ContainerID)
	}
	if a := claim(nil); a.State.ContainerID != "victim" {
		t.Errorf("root's executor is looked for under %s", a.State.ContainerID)
	}
}

// TestForeignersNeedWorkDirectory: without the agent's work directory no sandbox can be told from any other directory.
func TestForeignersNeedWorkDirectory(t *testing.T) {
	s := &Server{options: Options{OtherUsers: true}}
	err := s.vouch(&wire.Attach{Route: wire.RouteCustom, Sandbox: "/x"}, peer{uid: foreigner, user: &policy.User{UID: foreigner}})
	if err == nil || !strings.Contains(err.Error(), "work_dir") {
		t.Error(err)
	}
	if err := s.vouch(&wire.Attach{Route: wire.RouteDropIn, ContainerName: "mesos-x", Sandbox: "/x"}, peer{}); err != nil {
		t.Errorf("root's own: %v", err)
	}
}

// dialForeign connects as a foreigner, who is this process under another user's name.
func dialForeign(t *testing.T, socket string) *net.UnixConn {
	t.Helper()
	runtime.LockOSThread() // the kernel notes the user of the thread that connects
	defer runtime.UnlockOSThread()
	become := func(uid uintptr) {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uid, ^uintptr(0)); errno != 0 {
			t.Fatal(errno)
		}
	}
	become(foreigner)
	defer become(0)
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// What peers of other users send before they are vouched for takes a bounded memory, and keeps none of them from attaching later.
func TestLargeFramesOfForeigners(t *testing.T) {
	h, _ := openHost(t)
	reason := func(conn *net.UnixConn) string {
		m, _, err := wire.NewConn(conn).Receive()
		if err != nil || m.Refused == nil {
			t.Errorf("%+v, %v, want a refusal", m, err)
			return ""
		}
		return m.Refused.Reason
	}
	header := func(size int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(size)) }

	oversized := dialForeign(t, h.socket)
	oversized.Write(header(foreignFrame + 1))
	if got := reason(oversized); !strings.Contains(got, "an executor that does not run as root, with its task: frame is too large: 12582913 bytes") {
		t.Errorf("refusal %q", got)
	}

	const size = 7 << 20
	body := make([]byte, size-1) // one less: the frame does not end
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	var conns []*net.UnixConn
	kept := 0
	for range 60 {
		conn := dialForeign(t, h.socket)
		conns = append(conns, conn)
		if _, err := conn.Write(append(header(size), 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(body[1:]); err == nil {
			kept++
		} else if got := reason(conn); !strings.Contains(got, "too many large frames") {
			t.Errorf("refusal %q", got)
		}
	}
	if want := foreignFrames / size; kept != want {
		t.Errorf("%d frames are being received, want %d", kept, want)
	}
	grown := heap() - before
	runtime.KeepAlive(body)
	t.Logf("60 connections with frames of %d MiB take %d KiB", size>>20, grown>>10)
	if grown > foreignFrames+4<<20 {
		t.Errorf("they take %d bytes", grown)
	}

	for _, conn := range conns {
		conn.Close()
	}
	environment.Eventually(t, patience, "room for another", func() bool {
		conn := dialForeign(t, h.socket)
		attach := wire.Attach{Version: wire.Version, Route: wire.RouteLocal, Framework: "f", Executor: "e", Sandbox: "/", MappedDirectory: strings.Repeat("x", size)}
		_ = wire.NewConn(conn).Send(wire.Message{Attach: &attach}, nil) // a refusal may come before its end
		return strings.Contains(reason(conn), "does not lie below")
	})
}
