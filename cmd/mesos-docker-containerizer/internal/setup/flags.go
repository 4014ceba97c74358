package setup

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
	"mesos-docker-containerizer/config"
)

// containerizers is the flag's value with docker in it. What the agent has already is kept: a file if there is one, else what a
// running agent says, else its defaults. Where docker is among that, no file is needed.
func (p *Plan) containerizers(file string) string {
	current := cmp.Or(file, p.options.Agent.Flags["containerizers"], p.options.Containerizers, "mesos") // the last is Mesos's own default
	var names []string
	for name := range strings.SplitSeq(current, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	if slices.Contains(names, "docker") {
		return file
	}
	// First: agents up to 1.0.0 offer a task in this order, later ones in that of the alphabet (contract 1.1).
	return strings.Join(append([]string{"docker"}, names...), ",")
}

// agree refuses a setup after which the daemon would not start: it reads the agent's files under both of their names, and takes
// a flag that is set differently in the two for a mistake.
func (p *Plan) agree() error {
	directory := filepath.Clean(p.options.Directory)
	var names []string // that start scripts look for
	for _, known := range config.AgentDirectories() {
		names = append(names, filepath.Base(known))
	}
	if !slices.Contains(names, filepath.Base(directory)) {
		return nil
	}
	for _, known := range names {
		other := filepath.Join(filepath.Dir(directory), known)
		if other == directory {
			continue
		}
		for _, change := range p.Files {
			name := filepath.Base(change.Path)
			f, err := read(filepath.Join(other, name))
			switch {
			case name == "docker": // which the daemon does not read
			case err != nil:
				return fmt.Errorf("the agent's file: %w", err)
			case f.Kind != absent && !sameItems(f.value(), change.New):
				return fmt.Errorf("%s says %s, and %s would say %s: the daemon takes that for a mistake. The agent's start script reads only one of the two; remove what it does not read",
					filepath.Join(other, name), f.value(), change.Path, change.New)
			}
		}
	}
	return nil
}

// sameItems compares lists with commas, whose order means nothing.
func sameItems(a, b string) bool {
	items := func(list string) []string {
		all := strings.Split(list, ",")
		for i := range all {
			all[i] = strings.TrimSpace(all[i])
		}
		return slices.Sorted(slices.Values(all))
	}
	return slices.Equal(items(a), items(b))
}

// notes collects what a person should know before the agent restarts.
func (p *Plan) notes() {
	p.noteRecognition()
	if p.options.Problem != nil {
		p.note("the running agent's flags could not be compared with its files: %v", p.options.Problem)
	}
	p.noteLiveFlags()
	p.noteTimeout()
	if known := config.AgentDirectories(); !slices.Contains(known, filepath.Clean(p.options.Directory)) {
		p.note("the daemon reads %s and not %s: put the agent's flags that concern Docker (`mesos-docker-containerizer config` lists them) into /etc/mesos-docker-containerizer too",
			strings.Join(known, " and "), p.options.Directory)
	}
}

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// noteRecognition is about MESOS-10084: releases before 1.10 but for 1.7.3 compare a recovered executor's command with the real path
// of launcher_dir/mesos-executor to see whether they made it up for a command task. The overlay leaves that path as it is, if it
// links to the very folder that the agent has used so far.
func (p *Plan) noteRecognition() {
	known := p.options.Version != (liveagent.Version{})
	if known && !p.options.Version.DetectsByLauncherDir() {
		return
	}
	subject := "releases of Mesos before 1.10, but for 1.7.3, tell"
	if known {
		subject = fmt.Sprintf("the agent is Mesos %s, which tells", p.options.Version)
	}
	subject += " the executors of command tasks after a restart by the real path of launcher_dir/mesos-executor (MESOS-10084)"
	current, provided := p.options.Agent.Flags["launcher_dir"], ""
	if current == "" {
		current, provided = p.options.Overlay.Stock, fmt.Sprintf(", provided that %s is what the agent uses now", p.options.Overlay.Stock)
	}
	before, errBefore := filepath.EvalSymlinks(filepath.Join(current, "mesos-executor"))
	after, errAfter := filepath.EvalSymlinks(filepath.Join(p.options.Overlay.Stock, "mesos-executor"))
	if errBefore == nil && errAfter == nil && before == after {
		p.note("%s; the overlay leaves that at %s, so running tasks are recognised after the switch%s", subject, after, provided)
		return
	}
	p.note("%s, and the switch changes it (%s before, %s after): command tasks that run then would be taken for a framework's own executors. "+
		"Drain the agent before you restart it, or name the folder that it uses now with --mesos-libexec", subject,
		pathOr(before, errBefore), pathOr(after, errAfter))
}

func pathOr(path string, err error) string {
	if err != nil {
		return fmt.Sprintf("none: %v", err)
	}
	return path
}

// noteLiveFlags says where the agent runs with something else than the files say, and what that means. Flags of the command line
// win over variables (stout's flags), and start scripts make flags of files and variables of defaults.
func (p *Plan) noteLiveFlags() {
	if p.options.Agent.Flags == nil {
		return
	}
	for _, name := range []string{"launcher_dir", "docker", "containerizers"} {
		live := p.options.Agent.Flags[name]
		path := filepath.Join(p.options.Directory, name)
		f, err := read(path)
		switch {
		case err != nil || live == "":
		case f.Kind != absent && f.value() != live:
			p.note("the agent runs with %s=%s although %s says %s: it has not been restarted since that was written, or its start does not read %s. "+
				"Files count only where mesos-init-wrapper starts the agent; a unit that starts the agent itself needs the flags in its own command line, which wins over MESOS_* variables",
				name, live, path, f.value(), p.options.Directory)
		case f.Kind == absent && name == "launcher_dir" && live != p.options.Overlay.Stock && live != p.options.Overlay.Path:
			p.note("the agent runs with launcher_dir=%s, not %s: it comes from its command line or a variable (MESOS_LAUNCHER_DIR, for instance of /etc/default/mesos-slave). "+
				"A file wins over a variable and not over a command line; and the helpers must be of the agent's own release", live, p.options.Overlay.Stock)
		case f.Kind == absent && name == "docker" && live != "docker" && live != filepath.Join(p.options.Overlay.Path, overlay.DockerName):
			p.note("the agent runs with docker=%s from its command line or a variable (MESOS_DOCKER, for instance of /etc/default/mesos-slave); a file wins over a variable and not over a command line", live)
		}
	}
}

// noteTimeout tells what becomes of the flag that operators raise for the sake of pulls.
func (p *Plan) noteTimeout() {
	value := p.options.Agent.Flags["executor_registration_timeout"]
	if f, err := read(filepath.Join(p.options.Directory, "executor_registration_timeout")); err == nil && f.Kind != absent {
		value = f.value()
	}
	if value == "" {
		value = "1mins, its default"
	}
	p.note("executor_registration_timeout is left as it is (%s). Executors register before their image is pulled; where a file sets the flag, pull, create and start together may take that long (%s)", value, words.Page("configuration.md"))
}
