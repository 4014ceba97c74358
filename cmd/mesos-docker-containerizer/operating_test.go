package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"

	"mesos-docker-containerizer/test/environment"
)

const notRunHeading = "\n## Commands that no test runs\n"

var (
	fenced   = regexp.MustCompile("(?s)```([a-z]*)\n(.*?)```")
	span     = regexp.MustCompile("`([^`]+)`")
	aside    = regexp.MustCompile(`\s+#\s.*$`)
	otherWay = regexp.MustCompile(`\bor: (.+)$`)
)

// pageCommands returns the commands of a page: the lines of fenced blocks without a language, what their comments offer in place ("or: "),
// and the words between backquotes that begin with a program or a subcommand of ours and are more than its name.
func pageCommands(page string) (commands []string) {
	for _, block := range fenced.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[2]) {
			if block[1] != "" {
				break
			}
			if command := strings.TrimSpace(aside.ReplaceAllString(strings.TrimRight(line, "\n"), "")); command != "" {
				commands = append(commands, command)
			}
			if other := otherWay.FindStringSubmatch(aside.FindString(strings.TrimRight(line, "\n"))); other != nil {
				commands = append(commands, other[1])
			}
		}
	}
	for _, s := range span.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		words := strings.Fields(strings.ReplaceAll(s[1], `\|`, "|"))
		if len(words) > 1 && isProgram(words[0]) || slices.Equal(words, []string{"dmesg"}) {
			commands = append(commands, strings.Join(words, " "))
		}
	}
	slices.Sort(commands)
	return slices.Compact(commands)
}

// isProgram holds for our program and its subcommands, for programs of this host, and for those that the page's hosts have.
func isProgram(word string) bool {
	_, err := exec.LookPath(word)
	return err == nil && !strings.HasPrefix(word, "/") || commandByName(word) != nil ||
		slices.Contains([]string{program, "systemctl", "journalctl", "docker", "apt", "dnf", "dpkg", "rpm", "make", "curl"}, word)
}

func TestPageCommands(t *testing.T) {
	for page, want := range map[string][]string{
		"```\none --flag   # a comment, or: other way\ntwo\n```\n":                        {"one --flag", "other way", "two"},
		"```text\nprinted\n```\n":                                                         nil,
		"`ps` lists, `ps\nweb` some, `mesos-docker-containerizer ps` all, `run_dir` none": {"mesos-docker-containerizer ps", "ps web"},
		"`systemctl restart x`, `systemctl`, `/bin/ls` and `--wide`, `mv a b`":            {"mv a b", "systemctl restart x"},
		"| `journalctl -u x \\| grep y` |":                                                {"journalctl -u x | grep y"},
		"`no limit`, `dmesg`":                                                             {"dmesg"},
	} {
		if got := pageCommands(page); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", page, got, want)
		}
	}
}

// reader is a person who tries a page's commands in a shell on a host.
type reader struct {
	t         *testing.T
	directory string          // where the shell is
	tried     map[string]bool // the commands
}

// try starts a command of the page. The placeholder TASK is the task "job".
func (r *reader) try(command string, change func(*exec.Cmd)) *process {
	r.t.Helper()
	r.tried[command] = true
	script := strings.ReplaceAll(command, "TASK", "job")
	if commandByName(strings.Fields(script)[0]) != nil {
		script = program + " " + script
	}
	return startWith(r.t, func(c *exec.Cmd) {
		c.Path, c.Args, c.Dir = "/bin/sh", []string{"sh", "-c", "exec " + script}, r.directory
		c.Env = append(r.environ(c.Env), "PATH="+installed+":"+os.Getenv("PATH"))
		if change != nil {
			change(c)
		}
	})
}

// environ has the settings of the daemon, so that the commands need none.
func (r *reader) environ(environ []string) []string {
	for name, value := range map[string]string{
		"RUN_DIR": r.directory, "SOCKET": r.directory + "/executor.sock", "DOCKER_SOCKET": environment.Socket(r.t),
		"DOCKER_CONFIG": "file://" + r.directory + "/docker_config",
	} {
		environ = append(environ, "MESOS_DOCKER_CONTAINERIZER_"+name+"="+value)
	}
	return environ
}

// want tries a command that ends by itself.
func (r *reader) want(command string, status int, texts ...string) {
	r.t.Helper()
	p := r.try(command, nil)
	p.wantStatus(status)
	p.wantTexts(texts...)
}

// see tries a command that goes on until Ctrl-C.
func (r *reader) see(command, text string) {
	r.t.Helper()
	p := r.try(command, nil)
	p.await(text)
	p.interrupt()
	p.wantStatus(exitOK)
}

func (p *process) wantTexts(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.out()+p.err(), text) {
			p.t.Errorf("%s: %q is not in %q", p.command, text, p.out()+p.err())
		}
	}
}

func (r *reader) write(name, text string) {
	r.t.Helper()
	must(r.t, os.WriteFile(filepath.Join(r.directory, name), []byte(text), 0o600))
}

// TestOperatingPage tries the commands of docs/operating.md in the order of an operator's day.
func TestOperatingPage(t *testing.T) {
	r := &reader{t, t.TempDir(), map[string]bool{}}
	r.write("docker_config", `{"auths": {}}`)
	daemon := startWith(t, func(c *exec.Cmd) { c.Env = r.environ(c.Env) }, "serve")
	daemon.await("the daemon serves")
	const lives = `trap 'exit 0' TERM; echo hello; sleep 600 & wait`
	container := fmt.Sprintf(`"container": {"type": "DOCKER", "docker": {"image": %q, "network": "NONE"}}`, environment.Busybox(t))
	app := fmt.Sprintf(`"cmd": %q, "cpus": 0.1, "mem": 32, %s`, lives, container)
	r.write("app.json", fmt.Sprintf(`[{"id": "/shop/web", %s}, {"id": "/job", %s}]`, app, app))
	r.write("unhealthy.json", fmt.Sprintf(`{"name": "web", "task_id": {"value": "web.1"}, "command": {"shell": true, "value": %q}, %s,
		"resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}], "health_check": {"type": "COMMAND", "delay_seconds": 0,
		"command": {"value": "echo ill; exit 1"}, "interval_seconds": 1, "grace_period_seconds": 0, "consecutive_failures": 1}}`, lives, container))
	unhealthy := startWith(t, func(c *exec.Cmd) { c.Env, c.Dir = r.environ(c.Env), r.directory }, "run", "unhealthy.json")
	run := r.try("mesos-docker-containerizer run app.json", nil)
	environment.Eventually(t, programLimit, "two tasks to run", func() bool { return strings.Count(run.out(), "TASK_RUNNING") == 2 })

	r.want("mesos-docker-containerizer ps", exitOK, "shop_web.", "job.", "running")
	r.want("ps shop_web", exitOK, "shop_web.", "running")
	r.see("mesos-docker-containerizer events", "shop_web.")
	r.see("mesos-docker-containerizer logs -f shop_web", "hello")
	r.tryTerminal("mesos-docker-containerizer exec -it shop_web sh", "exit 3\r", 3)
	r.see("mesos-docker-containerizer stats", "shop_web.")
	r.want("mesos-docker-containerizer inspect shop_web", exitOK, `"task": "shop_web.`, `"Config":`)
	r.want("mesos-docker-containerizer why TASK", exitOK, "job.", " running for ")
	r.want("why TASK", exitOK, "job.", " running for ")

	<-unhealthy.ended
	drain := r.try("mesos-docker-containerizer drain", nil)
	drain.await("2 tasks left")
	r.want("mesos-docker-containerizer stop shop_web", exitOK, "shop_web.", "ended")
	r.want("mesos-docker-containerizer stop --grace=0s TASK", exitOK, "job.", "ended")

	r.write("docker_config.new", `{"auths": {"registry.example": {"auth": "dXNlcjpwYXNz"}}}`)
	r.want("mv docker_config.new docker_config", exitOK)
	r.want("mesos-docker-containerizer reload", exitOK, "took effect: docker_config=(set, not shown)")
	r.want("mesos-docker-containerizer config", exitOK, "docker_config ", "run_dir ", r.directory)
	r.want("config --running", exitOK, "docker_config ", "run_dir ", r.directory)
	r.want("mesos-docker-containerizer version", exitOK, "wire")
	r.doctor()

	r.want("mesos-docker-containerizer why web.1", exitOK, "web.1 killed, ", "COMMAND health check", "its health check failed", "do: ")

	drain.wantStatus(exitOK)
	drain.wantTexts("DRAIN_AGENT", "no task is left\n", "REACTIVATE_AGENT")
	<-run.ended
	daemon.interrupt()
	daemon.wantStatus(exitOK)

	page, err := os.ReadFile("../../docs/operating.md")
	must(t, err)
	for _, fault := range faults(string(page), r.tried) {
		t.Error(fault)
	}
}

// tryTerminal tries a command on a terminal.
func (r *reader) tryTerminal(command, typed string, status int) {
	r.t.Helper()
	person, tty, err := pty.Open()
	must(r.t, err)
	defer person.Close()
	p := r.try(command, func(c *exec.Cmd) { c.Stdin, c.Stdout = tty, tty })
	must(r.t, tty.Close())
	_, err = person.WriteString(typed)
	must(r.t, err)
	_, _ = io.Copy(io.Discard, person) // ends with an error when the terminal has no other side any more
	p.wantStatus(status)
}

// doctor tries doctor, which finds no fault with the daemon and the Engine. What it says of the rest depends on the host.
func (r *reader) doctor() {
	r.t.Helper()
	p := r.try("mesos-docker-containerizer doctor --json", nil)
	<-p.ended
	var report struct {
		Status string
		Checks []struct{ Name, Status string }
	}
	must(r.t, json.Unmarshal([]byte(p.out()), &report))
	status := exitOK
	if report.Status == "failed" {
		status = exitFailed
	}
	p.wantStatus(status)
	r.want("mesos-docker-containerizer doctor", status, "daemon ", "engine ")
	for _, c := range report.Checks {
		if (c.Name == "daemon" || c.Name == "engine") && c.Status != "ok" {
			r.t.Errorf("%+v", c)
		}
	}
}

// faults are the commands of a page that neither were tried nor are in its table of those that are not, and what is tried or in the table
// without need.
func faults(page string, tried map[string]bool) (found []string) {
	text, table, _ := strings.Cut(page, notRunHeading)
	notRun := map[string]bool{}
	for line := range strings.Lines(table) {
		cells := strings.SplitN(strings.ReplaceAll(line, `\|`, "\x00"), "|", 3)
		if len(cells) < 3 || strings.Trim(cells[2], "| \n") == "" { // no table, or no reason
			continue
		}
		for _, command := range pageCommands(strings.ReplaceAll(cells[1], "\x00", `\|`)) {
			notRun[command] = true
		}
	}
	on := map[string]bool{}
	for _, command := range pageCommands(text) {
		on[command] = true
		if !tried[command] && !notRun[command] {
			found = append(found, fmt.Sprintf("%q is not tried: try it, or put it into the page's table with the reason", command))
		}
	}
	for command := range notRun {
		if tried[command] || !on[command] {
			found = append(found, fmt.Sprintf("%q is in the table: it is tried, or not on the page", command))
		}
	}
	for command := range tried {
		if !on[command] {
			found = append(found, fmt.Sprintf("%q is tried and not on the page", command))
		}
	}
	return found
}

func TestFaultsOfAPage(t *testing.T) {
	const text = "`ps web`, `dmesg`, `dnf up`\n" + notRunHeading + "| `dmesg` | other hosts |\n"
	for page, want := range map[string]int{
		text: 1, text + "| `dnf up` | |\n": 1, text + "| `dnf up` | no |\n": 0, text + "| `dnf up`, `ps web` | no |\n": 1, text + "| `dnf up`, `dnf down` | no |\n": 1,
		"`dmesg`, `dnf up`": 3,
	} {
		if got := faults(page, map[string]bool{"ps web": true}); len(got) != want {
			t.Errorf("%q: %q, want %d", page, got, want)
		}
	}
}
