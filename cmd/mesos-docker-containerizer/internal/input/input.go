// Package input reads the documents that the run subcommand is given and turns them into tasks.
//
// Read takes all files at once and reports everything that is wrong in any of them; Tasks then makes a TaskInfo of each instance.
// A document is a Marathon app, a list of apps or a group (package marathon), or one TaskInfo in the JSON of the v1 API
// (taskinfo.go).
package input

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/go-multierror"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/config/marathon"
	"mesos-docker-containerizer/internal/strictjson"
)

// maxDocument is far above any real document, in bytes.
const maxDocument = 64 << 20

// Stdin is the name that stands for standard input.
const Stdin = "-"

// Document is what one file holds: apps, or a task.
type Document struct {
	Name     string // the file's, for people
	Apps     []marathon.App
	Warnings []*strictjson.Mistake // what Marathon would have passed over, as was done here
	Task     *mesos.TaskInfo
}

// Task is one task to launch.
type Task struct {
	// Name is short and differs from those of all other tasks of the run.
	Name string
	Info mesos.TaskInfo
}

// Read reads files; Stdin stands for the given reader. If it is to be strict, what Marathon passed over in an app is a mistake too.
// The error is a *multierror.Error that lists every mistake with its file.
func Read(names []string, stdin io.Reader, strict bool) ([]Document, error) {
	var documents []Document
	mistakes := &multierror.Error{ErrorFormat: list}
	seen := map[string]string{} // app or task id to its file
	for _, name := range names {
		document, err := read(name, stdin, strict)
		for _, mistake := range multierror.Append(nil, err).Errors {
			mistakes = multierror.Append(mistakes, fmt.Errorf("%s: %w", document.Name, mistake))
		}
		for _, id := range document.ids() {
			if other, twice := seen[id]; twice {
				mistakes = multierror.Append(mistakes, fmt.Errorf("%s: %s is in %s too", document.Name, id, other))
			}
			seen[id] = document.Name
		}
		documents = append(documents, document)
	}
	return documents, mistakes.ErrorOrNil()
}

func read(name string, stdin io.Reader, strict bool) (Document, error) {
	document := Document{Name: name}
	source := stdin
	if name == Stdin {
		document.Name = "standard input"
	} else {
		file, err := os.Open(name)
		if err != nil {
			return document, reason(err)
		}
		defer file.Close()
		source = file
	}
	data, err := io.ReadAll(io.LimitReader(source, maxDocument+1))
	switch {
	case err != nil:
		return document, reason(err)
	case len(data) > maxDocument:
		return document, fmt.Errorf("larger than %d MB", maxDocument>>20)
	case isStateTask(data):
		err = errStateTask
	case isTaskInfo(data):
		document.Task, err = parseTaskInfo(data)
	case strict:
		document.Apps, err = marathon.Parse(data)
	default:
		document.Apps, document.Warnings, err = marathon.ParseTolerant(data)
	}
	return document, err
}

func (d Document) ids() []string {
	var ids []string
	for _, app := range d.Apps {
		ids = append(ids, "app "+app.ID)
	}
	if d.Task != nil {
		ids = append(ids, "task "+d.Task.TaskID.Value)
	}
	return ids
}

// Warnings are what the documents have wrong that Marathon would have passed over, for people.
func Warnings(documents []Document) []string {
	var warnings []string
	for _, d := range documents {
		for _, w := range d.Warnings {
			warnings = append(warnings, fmt.Sprintf("%s: %v", d.Name, w))
		}
	}
	return warnings
}

// Notes are what the documents say that has no effect, for people.
func Notes(documents []Document) []string {
	var notes []string
	for _, d := range documents {
		for _, app := range d.Apps {
			for _, note := range app.Notes {
				notes = append(notes, fmt.Sprintf("%s: app %s: %s", d.Name, app.ID, note))
			}
		}
	}
	return notes
}

// AssignServicePorts assigns service ports to all apps of the documents.
func AssignServicePorts(documents []Document) error {
	var apps []*marathon.App
	for _, d := range documents {
		for i := range d.Apps {
			apps = append(apps, &d.Apps[i])
		}
	}
	return marathon.AssignServicePorts(apps...)
}

// Tasks makes every instance's task. Of the offer, what belongs to one instance is filled in here. The error lists everything
// that cannot be had, ports above all; the ports of the tasks are then still drawn.
func Tasks(documents []Document, offer marathon.Offer) ([]Task, error) {
	mistakes := &multierror.Error{ErrorFormat: list}
	var tasks []Task
	for _, d := range documents {
		for _, app := range d.Apps {
			for i := range app.Instances {
				offer.InstanceUUID = uuid.NewString()
				info, err := marathon.Build(app, offer)
				if err != nil {
					mistakes = multierror.Append(mistakes, fmt.Errorf("%s: instance %d of %w%s", d.Name, i+1, err, advice(i, err)))
					break // the next instance lacks the same
				}
				tasks = append(tasks, Task{Name: instanceName(path.Base(app.ID), i, app.Instances), Info: info})
			}
		}
		if d.Task != nil {
			if err := drawNamed(d.Task, offer.Ports); err != nil {
				mistakes = multierror.Append(mistakes, fmt.Errorf("%s: task %s: %w", d.Name, d.Task.TaskID.Value, err))
			}
			tasks = append(tasks, Task{Name: d.Task.Name, Info: *d.Task})
		}
	}
	distinguish(tasks)
	return tasks, mistakes.ErrorOrNil()
}

// advice says what to do about an instance that cannot be made.
func advice(i int, err error) string {
	if i > 0 && errors.Is(err, marathon.ErrPortTaken) {
		return "; a host has each port once, so an app that names its host ports can have one instance here"
	}
	return ""
}

func instanceName(app string, i, instances int) string {
	if instances == 1 {
		return app
	}
	return app + "." + strconv.Itoa(i+1)
}

// distinguish adds a number to names that more than one task has.
func distinguish(tasks []Task) {
	taken := map[string]bool{}
	for i := range tasks {
		name := tasks[i].Name
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s#%d", tasks[i].Name, n)
		}
		tasks[i].Name = name
		taken[name] = true
	}
}

// reason takes the path out of an error whose message has the file's name already.
func reason(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}

// list is how mistakes are shown: one a line.
func list(mistakes []error) string {
	var b strings.Builder
	if len(mistakes) > 1 {
		fmt.Fprintf(&b, "%d mistakes, nothing was started:", len(mistakes))
		for _, m := range mistakes {
			b.WriteString("\n  * " + m.Error())
		}
		return b.String()
	}
	return "nothing was started: " + mistakes[0].Error()
}
