package dockercli

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"mesos-docker-containerizer/containerizer/engine"
)

// each applies a function to several containers, some at a time, and prints the names of those that succeed, in order. Names may
// begin with a slash, as the Engine writes them.
func each(call Call, names []string, do func(name string) error) error {
	results := make([]error, len(names))
	var group sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i, name := range names {
		name = strings.TrimPrefix(name, "/")
		if !engine.ValidName(name) {
			results[i] = noSuchContainer(name)
			continue
		}
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			results[i] = do(name)
		})
	}
	group.Wait()
	var failures []error
	for i, err := range results {
		var harmless notice
		switch {
		case errors.As(err, &harmless):
			fmt.Fprintln(call.Stderr, harmless)
		case err != nil:
			failures = append(failures, err)
		default:
			if _, err := fmt.Fprintln(call.Stdout, names[i]); err != nil {
				return err // nobody reads on
			}
		}
	}
	return errors.Join(failures...)
}

// notice is a message on stderr that does not change the exit status.
type notice struct{ said }
