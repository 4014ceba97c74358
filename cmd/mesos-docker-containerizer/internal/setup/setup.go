// Package setup puts our programs in the place of stock ones for an agent, and takes them out again: the overlay folder (package
// overlay) and the agent's flags launcher_dir, docker and containerizers, as files of /etc/mesos-slave or /etc/mesos-agent.
//
//	plan, err := setup.Prepare(options)   // looks at everything, changes nothing
//	err = plan.MakeOverlay()              // changes nothing for an agent as long as no flag names the folder
//	err = plan.WriteFiles()               // takes effect when the agent restarts
//	report, err := setup.Undo(ctx, …)     // puts back what WriteFiles found
//
// What was there before is kept in the record within the overlay folder, written before the first file is. Every file is
// replaced in one step, and where one fails those before it are put back.
//
// The order of the files is part of the safety, as an agent may be restarted between any two: launcher_dir first (our executor
// works with the real docker command), then docker (which stock's executor could not use), and containerizers last. Undo goes the
// other way.
package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/liveagent"
	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
)

// Options are what Prepare goes by.
type Options struct {
	Overlay   overlay.Overlay
	Directory string // of the agent's files, such as /etc/mesos-slave

	// Containerizers is what the agent's defaults (MESOS_CONTAINERIZERS) say; empty where they say nothing.
	Containerizers string

	// Agent is what the agent told; Problem is why it told less than everything, or nothing.
	Agent   liveagent.Seen
	Problem error
	// Version is the agent's; the zero Version where it is not known.
	Version liveagent.Version
}

// Plan is what a setup would do.
type Plan struct {
	options Options

	// Links are what has to change in the overlay folder.
	Links []overlay.Change
	// Files are what has to change among the agent's files, in the order in which they are written.
	Files []FileChange
	// Notes are for the person who sets up: what to know and what to do.
	Notes []string

	before []entry // of the record, as it was when the lock was had
}

// FileChange is one of the agent's files with a value it does not have yet.
type FileChange struct {
	Path     string
	Old, New string // values; Old is empty where there is no file
	old, new file
}

// entry is one file in the record: how it was before, and how setup wrote it.
type entry struct {
	Path   string `json:"path"`
	Before file   `json:"before"`
	Wrote  file   `json:"wrote"`
}

// state is setup's part of the record.
type state struct {
	Files []entry `json:"files"`
}

// readState returns nothing for a folder without a record.
func readState(path string) ([]entry, error) {
	record, err := overlay.ReadRecord(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || len(record.State) == 0 {
		return nil, err
	}
	var s state
	if err := json.Unmarshal(record.State, &s); err != nil {
		return nil, fmt.Errorf("record of the setup in %s: %w", path, err)
	}
	return s.Files, nil
}

func writeState(path, stock string, files []entry) error {
	text, err := json.Marshal(state{files})
	if err != nil {
		return err
	}
	return overlay.WriteRecord(path, overlay.Record{Stock: stock, State: text})
}

// Prepare looks at all that a setup depends on. Its error says what is in the way.
func Prepare(o Options) (*Plan, error) {
	if err := o.Overlay.Validate(); err != nil {
		return nil, err
	}
	if err := supported(o); err != nil {
		return nil, err
	}
	if info, err := os.Stat(o.Directory); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("the directory of the agent's files %s is missing; name it with --agent-directory", o.Directory)
	}
	p := &Plan{options: o}
	var err error
	if p.Links, err = o.Overlay.Inspect(); err != nil {
		return nil, err
	}
	if err := p.files(); err != nil {
		return nil, err
	}
	if err := p.agree(); err != nil {
		return nil, err
	}
	p.notes()
	return p, nil
}

// supported refuses agents for which there is no drop-in.
func supported(o Options) error {
	if o.Version != (liveagent.Version{}) && o.Version.Before(0, 23, 0) {
		return fmt.Errorf("the agent is Mesos %s, which has no mesos-docker-executor to replace; 0.23 is the first with one", o.Version)
	}
	if image := o.Agent.Flags["docker_mesos_image"]; image != "" {
		return fmt.Errorf("the agent starts each executor in a container of its own (docker_mesos_image=%s), from where the daemon cannot be reached: unset the flag", image)
	}
	if list := o.Agent.Flags["containerizers"]; strings.Trim(list, "abcdefghijklmnopqrstuvwxyz_, ") != "" {
		return fmt.Errorf("what answers at the agent's address tells containerizers that no agent has, %q: is that the agent?", list)
	}
	return nil
}

func (p *Plan) files() error {
	for _, flag := range []struct {
		name string
		want func(current string) string
	}{
		{"launcher_dir", func(string) string { return p.options.Overlay.Path }},
		{"docker", func(string) string { return filepath.Join(p.options.Overlay.Path, overlay.DockerName) }},
		{"containerizers", p.containerizers},
	} {
		path := filepath.Join(p.options.Directory, flag.name)
		old, err := read(path)
		if err != nil {
			return fmt.Errorf("the agent's file: %w", err)
		}
		current := old.value() // empty for an absent file
		if want := flag.want(current); want != current {
			p.Files = append(p.Files, FileChange{Path: path, Old: current, New: want, old: old, new: old.with(want)})
		}
	}
	return nil
}

// MakeOverlay makes the folder, or mends it. Where there was none before and it fails, there is none afterwards.
func (p *Plan) MakeOverlay() error {
	o := p.options.Overlay
	release, err := overlay.Lock(o.Path)
	if err != nil {
		return err
	}
	defer release()
	if p.before, err = readState(o.Path); err != nil { // another setup may have come before us
		return err
	}
	_, err = overlay.ReadRecord(o.Path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if _, err := o.Inspect(); err != nil { // before the record makes it ours
		return err
	}
	if err := writeState(o.Path, o.Stock, p.before); err != nil {
		return err
	}
	if _, err := o.Apply(); err != nil {
		if fresh {
			err = errors.Join(err, overlay.Remove(o.Path))
		}
		return err
	}
	return nil
}

// WriteFiles writes the agent's files. All are written, or none is changed.
func (p *Plan) WriteFiles() error {
	o := p.options.Overlay
	release, err := overlay.Lock(o.Path)
	if err != nil {
		return err
	}
	defer release()
	if p.before, err = readState(o.Path); err != nil {
		return err
	}
	for _, change := range p.Files {
		now, err := read(change.Path)
		if err != nil {
			return err
		}
		if !now.equal(change.old) {
			return fmt.Errorf("%s has been changed by another process meanwhile: nothing was written, set up again", change.Path)
		}
	}
	if err := writeState(o.Path, o.Stock, p.after()); err != nil {
		return err
	}
	for i, change := range p.Files {
		if err := change.new.write(change.Path); err != nil {
			err = fmt.Errorf("write %s: %w", change.Path, err)
			for _, written := range slices.Backward(p.Files[:i]) {
				err = errors.Join(err, written.old.write(written.Path))
			}
			return errors.Join(err, writeState(o.Path, o.Stock, p.before))
		}
	}
	return nil
}

// after is the record when all files are written. What a file was before the first setup is kept for as long as nobody else has
// changed it.
func (p *Plan) after() []entry {
	entries := slices.Clone(p.before)
	for _, change := range p.Files {
		next := entry{Path: change.Path, Before: change.old, Wrote: change.new}
		i := slices.IndexFunc(entries, func(e entry) bool { return e.Path == change.Path })
		if i < 0 {
			entries = append(entries, next)
			continue
		}
		if entries[i].Wrote.equal(change.old) {
			next.Before = entries[i].Before
		}
		entries[i] = next
	}
	return entries
}
