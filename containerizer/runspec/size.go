package runspec

import (
	"fmt"
	"os"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-units"
)

// What the kernel gives to a program at its start: execve(2), "Limits on size of arguments and environment".
const (
	stringPages  = 32              // of one string, its NUL included
	leastTotal   = 128 * units.KiB // whatever the stack limit is
	mostTotal    = 6 * units.MiB   // three quarters of the usual stack limit
	usualStack   = 8 * units.MiB   // the kernel's default
	pointerBytes = 8               // one for each string
)

// CheckSize compares a command and an environment (NAME=value) with what the kernel gives to a program. Some Engines start a container
// with more than that, which then ends at once with status 1 or 255. Without a stack limit among the limits the usual one is assumed, and
// sure is false where that counts. No error has a value of the environment.
func CheckSize(command, environment []string, limits []*container.Ulimit) (err *Error, sure bool) {
	longest := stringPages*os.Getpagesize() - 1
	for i, argument := range command {
		if len(argument) > longest {
			return fault("command", "string %d of the command has %d bytes, and the kernel takes at most %d in one", i+1, len(argument), longest), true
		}
	}
	for _, variable := range environment {
		if len(variable) > longest {
			name, _, _ := strings.Cut(variable, "=")
			return fault("command.environment", "variable %s has %d bytes with its name, and the kernel takes at most %d in one", Quote(name), len(variable), longest), true
		}
	}
	stack, sure := int64(usualStack), false
	for _, limit := range limits {
		if limit.Name == "stack" {
			stack, sure = limit.Soft, true
		}
	}
	most := int64(mostTotal)
	if stack >= 0 { // -1 for none
		most = min(most, max(leastTotal, stack/4))
	}
	size := sizeOf(command) + sizeOf(environment)
	if size <= most {
		return nil, true
	}
	text := fmt.Sprintf("the command and the environment have %d bytes together, and the kernel takes at most %d", size, most)
	switch {
	case !sure && size > mostTotal:
		sure = true
	case !sure:
		text += " with the usual stack limit of " + units.BytesSize(usualStack)
	case most < mostTotal:
		text += fmt.Sprintf(" with a stack limit of %d bytes", stack)
	}
	return fault("command", "%s", text), sure
}

// sizeOf is what strings take of the kernel's total.
func sizeOf(all []string) int64 {
	var size int64
	for _, s := range all {
		size += int64(len(s)) + 1 + pointerBytes
	}
	return size
}

// checkSize refuses what is certainly too much, and notes what may be with the limits or the image of the Engine.
func (s *Spec) checkSize() error {
	command := append(s.Config.Entrypoint[:len(s.Config.Entrypoint):len(s.Config.Entrypoint)], s.Config.Cmd...)
	s.Large = sizeOf(command)+sizeOf(s.Config.Env) > leastTotal
	if err, sure := CheckSize(command, s.Config.Env, s.HostConfig.Ulimits); err != nil && sure {
		return err
	}
	return nil
}
