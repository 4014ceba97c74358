package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
)

// overlayIsCurrent compares the folder with what it links to.
func (d *doctor) overlayIsCurrent(context.Context) finding {
	path := d.folder()
	record, err := overlay.ReadRecord(path)
	used := filepath.Clean(d.flags()["launcher_dir"]) == path
	if errors.Is(err, fs.ErrNotExist) {
		if used {
			return failed("the agent's launcher_dir "+path+" has no record of a setup", "mesos-docker-containerizer setup --mesos-libexec=DIR, with the folder of Mesos's own helpers")
		}
		return skipped("no setup has been made at %s", path)
	}
	if err != nil {
		return failed(err.Error(), "mesos-docker-containerizer setup --mesos-libexec=DIR")
	}
	if d.ProgramsProblem != nil {
		return failed(d.ProgramsProblem.Error(), "make install")
	}
	o := overlay.Overlay{Path: path, Stock: record.Stock, Executor: d.Executor, Docker: d.Docker}
	const advice = "mesos-docker-containerizer setup"
	if err := o.Validate(); err != nil {
		return failed(err.Error(), "install Mesos and this program again, then "+advice)
	}
	changes, err := o.Inspect()
	if err != nil {
		return failed(err.Error(), advice)
	}
	var all findings
	for _, c := range changes {
		all = append(all, failed(c.String(), ""))
	}
	f := all.joined(path + " links to all of " + record.Stock)
	if len(changes) > 0 {
		f.Advice = advice + ", which mends it while the agent runs"
	}
	return f
}

// programs asks the installed executor and docker command for their versions.
func (d *doctor) programs(ctx context.Context) finding {
	if d.ProgramsProblem != nil {
		return failed(d.ProgramsProblem.Error(), "make install")
	}
	var all findings
	for _, path := range []string{d.Executor, d.Docker} {
		version, err := programVersion(ctx, path)
		switch {
		case err != nil:
			all = append(all, failed(fmt.Sprintf("%s does not tell its version: %v", path, err), "install all programs of one release"))
		case version != d.Version:
			all = append(all, warning(fmt.Sprintf("%s is of version %s, this program of %s", path, version, d.Version), "install all programs of one release"))
		}
	}
	return all.joined(fmt.Sprintf("%s and %s are of version %s, as this program", d.Executor, d.Docker, d.Version))
}

// programVersion returns the last word of what one of our programs says: "mesos-docker-executor 1.0", "Docker version 28.5.2, build 1.0".
func programVersion(ctx context.Context, path string) (string, error) {
	command := exec.CommandContext(ctx, path, "--version")
	command.Env = []string{}
	command.WaitDelay = time.Second // should something it started hold its output
	answer, err := command.Output()
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(answer)), "\n")
	words := strings.Fields(line)
	if len(words) < 2 {
		return "", fmt.Errorf("it says %q", line)
	}
	return words[len(words)-1], nil
}
