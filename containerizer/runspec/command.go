package runspec

import "fmt"

// describeCommand sets entrypoint and arguments (contract 2.7). With shell, the value runs under /bin/sh in place of
// the image's ENTRYPOINT; without, value and arguments follow the ENTRYPOINT, and none at all leaves the image's CMD.
func (r *runOptions) describeCommand(src *source, o Options) error {
	command := src.command
	if command == nil {
		return nil
	}
	if command.GetShell() {
		if command.Value == nil {
			return fault(src.commandField, "Shell specified but no command value provided")
		}
		r.remember(src.commandField+".value", *command.Value)
		r.entrypoint = "/bin/sh"
		r.arguments = []string{"-c", *command.Value}
	} else {
		if command.Value != nil {
			r.remember(src.commandField+".value", *command.Value)
			r.arguments = append(r.arguments, *command.Value)
		}
		for i, argument := range command.Arguments {
			r.remember(fmt.Sprintf("%s.arguments[%d]", src.commandField, i), argument)
			r.arguments = append(r.arguments, argument)
		}
	}
	if o.HonorCommandUser && command.GetUser() != "" {
		r.remember(src.commandField+".user", command.GetUser())
		r.user = command.GetUser()
	}
	return nil
}
