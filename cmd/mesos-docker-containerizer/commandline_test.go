package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// commandLines are spellings that scripts and units have, and mistakes that people make, with what the program does for them.
var commandLines = []struct {
	args   string // divided at spaces; "" is an empty one
	status int
	stdout string // what standard output begins with; "" is nothing at all
	stderr string // standard error whole, without the name of the program; for the overview its first line
}{
	{``, 2, ``, `Usage: mesos-docker-containerizer SUBCOMMAND [FLAG...] [ARGUMENT...]`},
	{`-h`, 0, `Usage: mesos-docker-containerizer SUBCOMMAND [FLAG...] [ARGUMENT...]`, ``},
	{`-help`, 0, `Usage: mesos-docker-containerizer SUBCOMMAND [FLAG...] [ARGUMENT...]`, ``},
	{`--help`, 0, `Usage: mesos-docker-containerizer SUBCOMMAND [FLAG...] [ARGUMENT...]`, ``},
	{`help`, 0, `Usage: mesos-docker-containerizer SUBCOMMAND [FLAG...] [ARGUMENT...]`, ``},
	{`help ps`, 0, `Usage: mesos-docker-containerizer ps [FLAG...]`, ``},
	{`help nosuch`, 2, ``, "there is no subcommand \"nosuch\"; `mesos-docker-containerizer help` lists them"},
	{`help ps extra`, 0, `Usage: mesos-docker-containerizer ps [FLAG...]`, ``},
	{`nosuch`, 2, ``, "there is no subcommand \"nosuch\"; `mesos-docker-containerizer help` lists them"},
	{`--version`, 0, `mesos-docker-containerizer `, ``},
	{`-v`, 0, `mesos-docker-containerizer `, ``},
	{`-version`, 2, ``, "there is no subcommand \"-version\"; `mesos-docker-containerizer help` lists them"},
	{`version`, 0, `mesos-docker-containerizer `, ``},
	{`version --json`, 0, `{"version":`, ``},
	{`version --nosuch`, 2, ``, "flag provided but not defined: -nosuch; `mesos-docker-containerizer help version` lists the flags"},
	{`version extra`, 2, ``, `unexpected argument "extra"`},
	{`-h ps`, 0, `Usage: mesos-docker-containerizer ps [FLAG...]`, ``},
	{`--log_level=debug config`, 2, ``, "there is no subcommand \"--log_level=debug\"; `mesos-docker-containerizer help` lists them"},
	{`config --json`, 0, `[`, ``},
	{`config -json`, 0, `[`, ``},
	{`config --json=true`, 0, `[`, ``},
	{`config -json=false`, 0, `FLAG `, ``},
	{`config --json=maybe`, 2, ``, "invalid boolean value \"maybe\" for -json: parse error; `mesos-docker-containerizer help config` lists the flags"},
	{`config --json maybe`, 2, ``, `unexpected argument "maybe"`},
	{`config extra`, 2, ``, `unexpected argument "extra"`},
	{`config -- extra`, 2, ``, `unexpected argument "extra"`},
	{`config -h extra --nosuch`, 0, `Usage: mesos-docker-containerizer config [FLAG...]`, ``},
	{`config extra -help`, 0, `Usage: mesos-docker-containerizer config [FLAG...]`, ``},
	{`config -- -h`, 2, ``, `unexpected argument "-h"`},
	{`config --nosuch`, 2, ``, "the command line has a mistake: --nosuch: unknown flag; `mesos-docker-containerizer help SUBCOMMAND` lists those of the subcommand, `mesos-docker-containerizer config` all settings"},
	{`config -nosuch`, 2, ``, "the command line has a mistake: -nosuch: unknown flag; `mesos-docker-containerizer help SUBCOMMAND` lists those of the subcommand, `mesos-docker-containerizer config` all settings"},
	{`config --docker_sokcet=/x`, 2, ``, `the command line has a mistake: --docker_sokcet: unknown flag; did you mean --docker_socket?`},
	{`config --docker_socket /x`, 2, ``, `the command line has a mistake: --docker_socket: it needs a value: --docker_socket=VALUE; accepted is an absolute path of a Unix socket, with or without unix:// before it`},
	{`config --docker_socket=relative`, 2, ``, `the command line has a mistake: --docker_socket: "relative" is refused: it is not an absolute path; accepted is an absolute path of a Unix socket, with or without unix:// before it`},
	{`config -docker_socket=/x`, 2, ``, `the command line has a mistake: -docker_socket: unknown flag; did you mean --docker_socket?`},
	{`config --docker-socket=/x`, 2, ``, `the command line has a mistake: --docker-socket: unknown flag; did you mean --docker_socket?`},
	{`config --image_gc_dry_run`, 0, `FLAG `, ``},
	{`config --no-image_gc_dry_run`, 0, `FLAG `, ``},
	{`config --no-image_gc_dry_run=x`, 2, ``, `the command line has a mistake: --no-image_gc_dry_run: no- takes no value; write --image_gc_dry_run=VALUE; accepted is true, 1, false or 0`},
	{`config --no-docker_socket`, 2, ``, `the command line has a mistake: --no-docker_socket: only a boolean can be negated with no-; accepted is an absolute path of a Unix socket, with or without unix:// before it`},
	{`config --log_level=loud --port=x --nosuch=1`, 2, ``, "the command line has 3 mistakes:\n  * --nosuch: unknown flag; `mesos-docker-containerizer help SUBCOMMAND` lists those of the subcommand, `mesos-docker-containerizer config` all settings\n  * --port: \"x\" is refused: it is not a port; accepted is a port number from 0 to 65535\n  * --log_level: \"loud\" is refused: it is not a level; accepted is debug, info, warn or error"},
	{`config --port=1 --port=2`, 0, `FLAG `, ``},
	{`config -`, 2, ``, `unexpected argument "-"`},
	{`config --json --`, 0, `[`, ``},
	{`config --=x`, 2, ``, "the command line has a mistake: --: unknown flag; `mesos-docker-containerizer help SUBCOMMAND` lists those of the subcommand, `mesos-docker-containerizer config` all settings"},
	{`config ""`, 2, ``, `unexpected argument ""`},
	{`config ---json`, 2, ``, "the command line has a mistake: ---json: unknown flag; did you mean --json?"},
	{`config --JSON`, 2, ``, "the command line has a mistake: --JSON: unknown flag; did you mean --json?"},
	{`config --allowed_networks=`, 2, ``, `the command line has a mistake: --allowed_networks: it is empty, which could mean nothing as well as anything; accepted is * for anything, none for nothing, or a list of names of networks, as bridge,apps; host is the host's, container another container's`},
	{`config --allowed_devices=nosuch`, 2, `FLAG `, "1 error occurred:\n\t* command line, --allowed_devices: allowed_devices: \"nosuch\" is refused: it is not the absolute path of a device or a directory of devices (as /dev/fuse or /dev/snd:rw), a cgroup rule (as \"c 10:200 rwm\"), gpus, gpus:named or cdi:VENDOR/CLASS"},
	{`run`, 2, ``, "no file to run; `mesos-docker-containerizer help run` says what can be run"},
	{`run --output=xml f`, 2, ``, `--output=xml: accepted are text and json`},
	{`run --output xml f`, 2, ``, `--output=xml: accepted are text and json`},
	{`run --for=soon f`, 2, ``, "invalid value \"soon\" for flag -for: it does not begin with a number; accepted is a duration such as 30secs, 5mins or 30s; `mesos-docker-containerizer help run` lists the flags"},
	{`run --for 5s`, 2, ``, "no file to run; `mesos-docker-containerizer help run` says what can be run"},
	{`run -for 5s /nonexistent`, 2, ``, `nothing was started: /nonexistent: no such file or directory`},
	{`run --for`, 2, ``, "flag needs an argument: -for; `mesos-docker-containerizer help run` lists the flags"},
	{`run /nonexistent --for=5s`, 2, ``, `nothing was started: /nonexistent: no such file or directory`},
	{`run --ports=x /nonexistent`, 2, ``, `nothing was started: /nonexistent: no such file or directory`},
	{`run -- --help`, 2, ``, `nothing was started: --help: no such file or directory`},
	{`run -`, 2, ``, `nothing was started: standard input: line 1, column 1: there is nothing in it`},
	{`run --keep-sandbox=2 f`, 2, ``, "invalid boolean value \"2\" for -keep-sandbox: parse error; `mesos-docker-containerizer help run` lists the flags"},
	{`run --log_level=loud --for=soon /nonexistent`, 2, ``, `the command line has a mistake: --log_level: "loud" is refused: it is not a level; accepted is debug, info, warn or error`},
	{`images gc extra`, 2, ``, `unexpected argument "extra"`},
	{`images nogc`, 2, ``, `unexpected argument "nogc"`},
	{`images --dry-run`, 2, ``, "--dry-run belongs to `images gc`"},
	{`images -dry-run gc --run_dir=/nonexistent`, 3, ``, `no daemon answers at /nonexistent/admin.sock: dial unix /nonexistent/admin.sock: connect: no such file or directory; start it: systemctl start mesos-docker-containerizer`},
	{`images --run_dir=/nonexistent`, 3, ``, `no daemon answers at /nonexistent/admin.sock: dial unix /nonexistent/admin.sock: connect: no such file or directory; start it: systemctl start mesos-docker-containerizer`},
	{`images --all --run_dir=/nonexistent gc`, 3, ``, `no daemon answers at /nonexistent/admin.sock: dial unix /nonexistent/admin.sock: connect: no such file or directory; start it: systemctl start mesos-docker-containerizer`},
	{`ps --jso --run_dir=/nonexistent`, 2, ``, "the command line has a mistake: --jso: unknown flag; did you mean --json?"},
	{`ps --run_dir=/nonexistent`, 3, ``, `no daemon answers at /nonexistent/admin.sock: dial unix /nonexistent/admin.sock: connect: no such file or directory; start it: systemctl start mesos-docker-containerizer`},
	{`stop --run_dir=/nonexistent --grace=-1s web`, 2, ``, `--grace=-1s is negative`},
	{`exec --run_dir=/nonexistent -it --user root web ls -l --json`, 2, ``, `-t with -i needs a terminal as input`},
	{`exec --run_dir=/nonexistent web`, 2, ``, `name a task and a command`},
	{`exec --run_dir=/nonexistent web ls --help`, 125, ``, `no daemon answers at /nonexistent/admin.sock: dial unix /nonexistent/admin.sock: connect: no such file or directory; start it: systemctl start mesos-docker-containerizer`},
	{`exec --help web ls`, 0, `Usage: mesos-docker-containerizer exec`, ``},
	{`stop --run_dir=/nonexistent`, 2, ``, "name one task; `mesos-docker-containerizer ps` lists them"},
	{`stop --grace=x web`, 2, ``, "invalid value \"x\" for flag -grace: parse error; `mesos-docker-containerizer help stop` lists the flags"},
	{`inspect --run_dir=/nonexistent web`, 3, ``, `no daemon answers at /nonexistent/admin.sock: dial unix /nonexistent/admin.sock: connect: no such file or directory; start it: systemctl start mesos-docker-containerizer`},
	{`logs --run_dir=/nonexistent`, 2, ``, "name one task; `mesos-docker-containerizer ps` lists them"},
	{`logs --since=soon web`, 2, ``, `--since: failed to parse value as time or duration: "soon"`},
	{`events --run_dir=/nonexistent`, 3, ``, `no daemon answers at /nonexistent/admin.sock: dial unix /nonexistent/admin.sock: connect: no such file or directory; start it: systemctl start mesos-docker-containerizer`},
	{`drain --run_dir=/nonexistent --agent=127.0.0.1:1`, 3, `# For Mesos 1.9 and newer:`, `no daemon answers at /nonexistent/admin.sock: dial unix /nonexistent/admin.sock: connect: no such file or directory; start it: systemctl start mesos-docker-containerizer`},
	{`drain --agent=here`, 2, ``, `--agent=here: want HOST:PORT`},
	{`drain --timeout=-1s`, 2, ``, `--timeout=-1s: want a time, or 0 for no end`},
	{`drain --timeout=soon`, 2, ``, "invalid value \"soon\" for flag -timeout: parse error; `mesos-docker-containerizer help drain` lists the flags"},
	{`drain node7`, 2, ``, `unexpected argument "node7"`},
	{`images x --run_dir=/nonexistent`, 2, ``, `unexpected argument "x"`},
	{`doctor --json x`, 2, ``, `unexpected argument "x"`},
	{`setup --undo --write`, 2, ``, `--undo goes without --write, and --force with --undo`},
	{`setup --force`, 2, ``, `--undo goes without --write, and --force with --undo`},
	{`setup x`, 2, ``, `unexpected argument "x"`},
	{`setup --mesos-libexec`, 2, ``, "flag needs an argument: -mesos-libexec; `mesos-docker-containerizer help setup` lists the flags"},
	{`doctor x`, 2, ``, `unexpected argument "x"`},
	{`doctor --agent`, 2, ``, "flag needs an argument: -agent; `mesos-docker-containerizer help doctor` lists the flags"},
	{`completion`, 2, ``, `name one shell: bash, zsh, fish`},
	{`completion csh`, 2, ``, `name one shell: bash, zsh, fish`},
	{`completion bash zsh`, 2, ``, `name one shell: bash, zsh, fish`},
	{`completion bash`, 0, `# bash completion V2 for mesos-docker-containerizer `, ``},
	{`completion zsh`, 0, `#compdef mesos-docker-containerizer`, ``},
	{`completion fish`, 0, `# fish completion for mesos-docker-containerizer `, ``},
	{`manual`, 2, ``, `name one program: mesos-docker-containerizer, mesos-docker-executor`},
	{`manual mesos-docker-executor`, 0, `.TH MESOS-DOCKER-EXECUTOR 1 `, ``},
	{`serve x`, 2, ``, `unexpected argument "x"`},
	{`serve --json`, 2, ``, "the command line has a mistake: --json: unknown flag; `mesos-docker-containerizer help SUBCOMMAND` lists those of the subcommand, `mesos-docker-containerizer config` all settings"},
}

// TestCommandLines runs the program for each.
func TestCommandLines(t *testing.T) {
	for _, test := range commandLines {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(test.args)
			for i := range args {
				args[i] = strings.Trim(args[i], `"`)
			}
			p := startWith(t, func(c *exec.Cmd) {
				c.Env = slices.DeleteFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "MESOS_") })
			}, args...)
			p.wantStatus(test.status)
			if out := p.out(); !strings.HasPrefix(out, test.stdout) || test.stdout == "" && out != "" {
				t.Errorf("standard output %.200q, want %q", out, test.stdout)
			}
			said := strings.TrimSpace(strings.TrimPrefix(p.err(), "mesos-docker-containerizer: "))
			if strings.HasPrefix(said, "Usage:") {
				said, _, _ = strings.Cut(said, "\n")
			}
			if said != test.stderr {
				t.Errorf("standard error\n%s\nwant\n%s", said, test.stderr)
			}
		})
	}
}

// TestMistakeUnderDaemon: of a file that has a mistake since the daemon started, reload and config --running speak once.
func TestMistakeUnderDaemon(t *testing.T) {
	const script = `mount -t tmpfs none /etc && mkdir /etc/mesos-docker-containerizer || exit
		"$0" serve "$1" --socket="$PWD/executor.sock" --docker_socket=/nonexistent 2>/dev/null &
		until "$0" ps "$1" >/dev/null 2>&1; do kill -0 $! || exit; done
		echo loud > /etc/mesos-docker-containerizer/log_level
		"$0" reload "$1"
		echo "reload: $?"
		"$0" config --running "$1" >/dev/null
		echo "config: $?"
		kill $! && wait`
	directory := t.TempDir()
	p := startWith(t, func(c *exec.Cmd) {
		c.Path, c.Args, c.Dir = "/usr/bin/unshare", append([]string{"unshare", "--mount", "sh", "-c", script}, c.Args...), directory
	}, "--run_dir="+directory)
	p.wantStatus(exitOK)
	if want := fmt.Sprintf("reload: %d\nconfig: %d\n", exitFailed, exitUsage); p.out() != want {
		t.Errorf("it says %q, want %q", p.out(), want)
	}
	if strings.Count(p.err(), `"loud" is refused`) != 2 {
		t.Errorf("it says %q", p.err())
	}
}

// TestMistakeInFile: a mistake in a flag's file keeps the daemon from starting, and nobody from asking the one that runs.
func TestMistakeInFile(t *testing.T) {
	const script = `mount -t tmpfs none /etc && mkdir /etc/mesos-docker-containerizer && echo loud > /etc/mesos-docker-containerizer/log_level && exec "$0" "$@"`
	const mistake = `/etc/mesos-docker-containerizer/log_level: "loud" is refused`
	for args, want := range map[string]struct {
		status      int
		stdout, err string
	}{
		"ps --run_dir=/nonexistent":     {exitEnvironment, "", "no daemon answers at /nonexistent/admin.sock"},
		"images --run_dir=/nonexistent": {exitEnvironment, "", "no daemon answers at /nonexistent/admin.sock"},
		"reload --run_dir=/nonexistent": {exitEnvironment, "", "no daemon answers at /nonexistent/admin.sock"},
		"config":                        {exitUsage, "FLAG ", "warning: "},
		"serve --run_dir=/nonexistent":  {exitUsage, "", "the configuration has a mistake: "},
		"ps --jsn":                      {exitUsage, "", "the command line has a mistake: --jsn: unknown flag; did you mean --json?"},
	} {
		p := startWith(t, func(c *exec.Cmd) {
			c.Path, c.Args = "/usr/bin/unshare", append([]string{"unshare", "--mount", "sh", "-c", script}, c.Args...)
		}, strings.Fields(args)...)
		p.wantStatus(want.status)
		told := strings.Count(p.err(), mistake) == 1
		if !strings.HasPrefix(p.out(), want.stdout) || want.stdout == "" && p.out() != "" || !strings.Contains(p.err(), want.err) || told != (args != "ps --jsn") {
			t.Errorf("%s: %.100q, %q", args, p.out(), p.err())
		}
	}
}
