// Package lookup finds a task by what a person types of one of its names.
package lookup

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of One.
var (
	ErrNone    = errors.New("no task has such a name")
	ErrSeveral = errors.New("more than one task has such a name")
)

// Names are those of one task. Those that it does not have are empty.
type Names struct {
	Task        string
	App         string // Marathon's, with or without the slash at its beginning
	Container   string // its name
	ContainerID string
}

// ids are the names that no two tasks of one framework share.
func (n Names) ids() []string { return []string{n.Task, n.Container, n.ContainerID} }

// equals and begins say whether a name is the word, or begins with it. The slash that an app's id begins with does not count.
func equals(name, word string) bool { return name != "" && bare(name) == bare(word) }

func begins(name, word string) bool { return name != "" && strings.HasPrefix(bare(name), bare(word)) }

func bare(name string) string { return strings.TrimPrefix(name, "/") }

// All returns the items of which a name begins with the word. The ids of containers count only where no other name does: what they
// begin with is chance. The order stays.
func All[T any](items []T, names func(T) Names, word string) []T {
	found := filter(items, func(item T) bool {
		n := names(item)
		return begins(n.Task, word) || begins(n.App, word) || begins(n.Container, word)
	})
	if len(found) > 0 {
		return found
	}
	return filter(items, func(item T) bool { return begins(names(item).ContainerID, word) })
}

// One returns the item that the word names: the one that has it as a name, or else the one of which a name begins with it. Without
// one the error wraps ErrNone or ErrSeveral, and is safe to show on a terminal whatever the names are.
func One[T any](items []T, names func(T) Names, word string) (T, error) {
	var none T
	if bare(word) == "" {
		return none, fmt.Errorf("%q: %w", word, ErrNone)
	}
	found := filter(items, func(item T) bool {
		for _, id := range names(item).ids() {
			if equals(id, word) {
				return true
			}
		}
		return false
	})
	if len(found) == 0 {
		found = filter(items, func(item T) bool { return equals(names(item).App, word) })
	}
	if len(found) == 0 {
		found = All(items, names, word)
	}
	switch len(found) {
	case 0:
		return none, fmt.Errorf("%q: %w", word, ErrNone)
	case 1:
		return found[0], nil
	}
	return none, fmt.Errorf("%q: %w: %s", word, ErrSeveral, list(found, names))
}

// list names some of the items.
func list[T any](items []T, names func(T) Names) string {
	const few = 5
	var all []string
	for _, item := range items[:min(few, len(items))] {
		all = append(all, fmt.Sprintf("%q", names(item).Task))
	}
	text := strings.Join(all, ", ")
	if more := len(items) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func filter[T any](items []T, keep func(T) bool) (kept []T) {
	for _, item := range items {
		if keep(item) {
			kept = append(kept, item)
		}
	}
	return kept
}
