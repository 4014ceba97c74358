package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
)

// ErrTasksLive says that an undo was refused because tasks live on the drop-in route, or may.
var ErrTasksLive = errors.New("tasks live on the drop-in route")

// ErrNothingToUndo says that the folder has no record of a setup.
var ErrNothingToUndo = errors.New("nothing has been set up")

// Source can name the tasks that live on the drop-in route.
type Source struct {
	Name  string // "the daemon"
	Tasks func(context.Context) ([]string, error)
}

// UndoOptions are what Undo goes by.
type UndoOptions struct {
	Overlay string // the folder's path
	// Sources are asked all, and one of them has to answer: each sees all tasks whose containers run. A task counts if one of them
	// names it.
	Sources []Source
	// Force undoes although tasks live. They run on: an executor holds its program and needs neither folder nor flags, and the
	// agent's own docker command inspects, stops and removes their containers (contract 1.6).
	Force bool
	// LauncherDir is the running agent's; empty where it is not known.
	LauncherDir string
	// Directories may hold files of the agent's that an admin has written by hand.
	Directories []string
}

// Report is what Undo did, for a person.
type Report struct{ Lines []string }

func (r *Report) add(format string, args ...any) {
	r.Lines = append(r.Lines, fmt.Sprintf(format, args...))
}

// Undo puts the agent's files back as they were before the first setup: content, mode, owner, absence. A file that an admin
// changed since is left as it is. The folder is removed unless the agent or a stock executor still starts programs from it, or a
// file that setup has not written names it.
func Undo(ctx context.Context, o UndoOptions) (Report, error) {
	var report Report
	record, err := overlay.ReadRecord(o.Overlay)
	if errors.Is(err, fs.ErrNotExist) {
		return report, fmt.Errorf("%w at %s; name the folder of the setup with --overlay", ErrNothingToUndo, o.Overlay)
	}
	if err != nil {
		return report, err
	}
	if err := o.noTasks(ctx, &report); err != nil {
		return report, err
	}
	release, err := overlay.Lock(o.Overlay)
	if err != nil {
		return report, err
	}
	defer release()
	entries, err := readState(o.Overlay)
	if err != nil {
		return report, err
	}
	if err := restore(entries, &report); err != nil {
		return report, err
	}
	if err := writeState(o.Overlay, record.Stock, nil); err != nil {
		return report, err
	}
	users, err := o.users()
	if err != nil {
		return report, err
	}
	if len(users) > 0 {
		report.add("%s stays, since it is still used by: %s. Restart the agent, and undo once more when the processes have ended", o.Overlay, strings.Join(users, ", "))
		return report, nil
	}
	if err := overlay.Remove(o.Overlay); err != nil {
		return report, err
	}
	report.add("%s: removed", o.Overlay)
	return report, nil
}

// noTasks is an error where tasks live, or may live, and nothing was forced.
func (o UndoOptions) noTasks(ctx context.Context, report *Report) error {
	var tasks []string
	var unknown *multierror.Error
	asked := 0
	for _, source := range o.Sources {
		found, err := source.Tasks(ctx)
		if err != nil {
			unknown = multierror.Append(unknown, fmt.Errorf("%s: %w", source.Name, err))
			continue
		}
		asked++
		tasks = append(tasks, found...)
	}
	slices.Sort(tasks)
	tasks = slices.Compact(tasks)
	switch {
	case len(tasks) == 0 && asked > 0:
		return nil
	case o.Force:
		if len(tasks) > 0 {
			report.add("%s left running: %s", words.Count(len(tasks), "task"), words.Some(tasks, 5))
		}
		return nil
	case len(tasks) > 0:
		return fmt.Errorf("%w: %s. Drain the agent first; or --force, and they run on", ErrTasksLive, words.Some(tasks, 5))
	}
	return fmt.Errorf("%w, for all that is known (--force if you know better): %w", ErrTasksLive, unknown.ErrorOrNil())
}

// restore puts the files back, the last first. If one cannot be, those that were are as before.
func restore(entries []entry, report *Report) error {
	var done []entry
	for _, e := range slices.Backward(entries) {
		now, err := read(e.Path)
		switch {
		case err != nil:
		case now.equal(e.Before):
			continue
		case !now.equal(e.Wrote):
			report.add("%s: left as it is (%q), since it was changed after the setup; before that it was %s", e.Path, now.value(), e.Before.describe())
			continue
		default:
			err = e.Before.write(e.Path)
		}
		if err != nil {
			err = fmt.Errorf("put back %s: %w", e.Path, err)
			for _, d := range slices.Backward(done) {
				err = errors.Join(err, d.Wrote.write(d.Path))
			}
			return err
		}
		report.add("%s: %s again", e.Path, e.Before.describe())
		done = append(done, e)
	}
	return nil
}

func (f file) describe() string {
	switch f.Kind {
	case absent:
		return "absent"
	case symlink:
		return fmt.Sprintf("a link to %s", f.Target)
	}
	return fmt.Sprintf("%q", f.value())
}

// users names what still starts programs from the folder: the agent until it restarts, and executors of stock's that were given
// the folder as their launcher_dir, from which they start the helpers of their health checks for as long as they live.
func (o UndoOptions) users() ([]string, error) {
	var users []string
	if filepath.Clean(o.LauncherDir) == filepath.Clean(o.Overlay) {
		users = append(users, "the agent")
	}
	for _, directory := range o.Directories {
		for _, name := range []string{"launcher_dir", "docker"} {
			path := filepath.Join(directory, name)
			if f, err := read(path); err == nil && refers([]string{"--" + name + "=" + f.value()}, o.Overlay) {
				users = append(users, path)
			}
		}
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	for _, path := range lines {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && StartedFrom(pid, o.Overlay) {
			name, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "comm")) // without it, the number has to do
			users = append(users, strings.TrimSpace(fmt.Sprintf("process %d %s", pid, name)))
		}
	}
	return users, nil
}

// StartedFrom says that a process that lives was started from the folder, or given it as where to start programs from, as every
// executor of an agent's docker containerizer is (contract 1.4).
func StartedFrom(pid int, folder string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && refers(strings.Split(string(line), "\x00"), folder)
}

func refers(args []string, folder string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		for _, flag := range []string{"", "--launcher_dir=", "--docker="} {
			if path, ok := strings.CutPrefix(arg, flag); ok && (strings.HasPrefix(path, folder+"/") || flag != "" && path == folder) {
				return true
			}
		}
		return false
	})
}
