package runspec

import (
	"fmt"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

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

// The variables every task gets, whatever it sets itself (contract 2.3).
const (
	variableSandbox        = "MESOS_SANDBOX"
	variableContainerName  = "MESOS_CONTAINER_NAME"
	variableAllocationRole = "MESOS_ALLOCATION_ROLE"
)

// describeEnvironment layers the container's environment: what is inherited, the CommandInfo's, the agent's hooks, ours.
// Of several variables with one name the last wins (contract 2.3).
func (r *runOptions) describeEnvironment(t Task, src *source) error {
	values := make(map[string]string)
	if err := r.takeVariables(values, src.inheritedField, src.inherited); err != nil {
		return err
	}
	own := src.command.GetEnvironment().GetVariables()
	if err := r.takeVariables(values, src.commandField+".environment", own); err != nil {
		return err
	}
	for name, value := range t.Environment {
		if name == "" {
			return fault("task_environment", "a variable has no name")
		}
		r.rememberVariable("task_environment", name, value)
		values[name] = value
	}
	values[variableSandbox] = t.MappedDirectory
	values[variableContainerName] = t.Name
	values[variableAllocationRole] = allocationRole(resourcesOf(t.Info))

	r.environment = make([]variable, 0, len(values))
	for name, value := range values {
		r.environment = append(r.environment, variable{name: name, value: value})
	}
	slices.SortFunc(r.environment, func(a, b variable) int { return strings.Compare(a.name, b.name) })
	return nil
}

// takeVariables adds a list of variables. Errors name the variable, never its value.
func (r *runOptions) takeVariables(into map[string]string, field string, variables []mesos.Environment_Variable) error {
	for i, v := range variables {
		if v.Name == "" {
			return fault(fmt.Sprintf("%s.variables[%d].name", field, i), "a variable has no name")
		}
		value := v.GetValue()
		if v.GetType() == mesos.Environment_Variable_SECRET {
			data, err := secretValue(v.Secret, field+"."+v.Name)
			if err != nil {
				return err
			}
			value = string(data)
		}
		r.rememberVariable(field, v.Name, value)
		into[v.Name] = value
	}
	return nil
}

// rememberVariable registers name and value to be checked under the variable's name.
func (r *runOptions) rememberVariable(field, name, value string) {
	r.remember(field+" (the name of a variable)", name)
	r.remember(field+"."+strings.ToValidUTF8(name, "?"), value)
}

// environmentList returns NAME=value as the docker command sends it: the name ends at the first "=", and the last of several values of
// one name wins. The result differs from r.environment only if a name contains "=".
func (r *runOptions) environmentList() []string {
	last := make(map[string]string, len(r.environment))
	for _, v := range r.environment {
		text := v.name + "=" + v.value
		name, value, _ := strings.Cut(text, "=")
		last[name] = value
	}
	list := make([]string, 0, len(last))
	for name, value := range last {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// allocationRole is the role of the first resource, "" when there is none.
func allocationRole(resources []mesos.Resource) string {
	if len(resources) == 0 {
		return ""
	}
	return resources[0].GetAllocationInfo().GetRole()
}
