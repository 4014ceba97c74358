package marathon

import (
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// variables is an environment in which a later value of a name wins but keeps the place of the first.
type variables []pair

func (e *variables) set(name, value string) {
	for i := range *e {
		if (*e)[i].key == name {
			(*e)[i].value = value
			return
		}
	}
	*e = append(*e, pair{name, value})
}

// environment is what Marathon sets, overridden by the app's own env.
func (b *builder) environment() []mesos.Environment_Variable {
	var env variables
	b.contextEnv(&env)
	b.portsEnv(&env)
	env.set("HOST", b.offer.Hostname)
	// The app's own variables may be many: an index spares a search among them for each.
	own := map[string]int{}
	for i, p := range env {
		own[p.key] = i
	}
	for _, p := range b.app.env {
		if i, ok := own[p.key]; ok {
			env[i].value = p.value
			continue
		}
		env = append(env, p)
	}
	all := make([]mesos.Environment_Variable, len(env))
	for i := range env {
		all[i] = mesos.Environment_Variable{Name: env[i].key, Value: &env[i].value}
	}
	return all
}

func (b *builder) contextEnv(env *variables) {
	env.set("MESOS_TASK_ID", b.taskID)
	env.set("MARATHON_APP_ID", b.app.ID)
	env.set("MARATHON_APP_VERSION", b.offer.Version.UTC().Format("2006-01-02T15:04:05.000Z"))
	env.set("MARATHON_APP_DOCKER_IMAGE", b.app.container.image)
	env.set("MARATHON_APP_RESOURCE_CPUS", javaDouble(b.app.cpus))
	env.set("MARATHON_APP_RESOURCE_MEM", javaDouble(b.app.mem))
	env.set("MARATHON_APP_RESOURCE_DISK", javaDouble(b.app.disk))
	env.set("MARATHON_APP_RESOURCE_GPUS", "0")
	env.set("MARATHON_APP_ENFORCE_GROUP_ROLE", strings.ToUpper(strconv.FormatBool(b.app.enforceRole)))
	labelsEnv(env, b.app.labels)
}

// Marathon leaves longer labels out of the environment.
const (
	labelPrefix    = "MARATHON_APP_LABEL_"
	maxLabelLength = 512
)

var notInVariableName = regexp.MustCompile(`[^a-zA-Z0-9_]+`)

func labelsEnv(env *variables, labels []pair) {
	var kept variables
	var names []string
	for _, p := range labels {
		if javaLength(p.key) >= maxLabelLength-len(labelPrefix) || javaLength(p.value) >= maxLabelLength {
			continue
		}
		name := strings.ToUpper(notInVariableName.ReplaceAllString(p.key, "_"))
		kept.set(name, p.value)
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	env.set("MARATHON_APP_LABELS", strings.Join(names, " "))
	for _, p := range kept {
		env.set(labelPrefix+p.key, p.value)
	}
}

// portsEnv sets PORT<index>, PORT_<declared number>, PORT_<NAME>, PORT and PORTS. A mapping with neither a host nor a container
// port gets a number of its own here, which is nowhere else.
func (b *builder) portsEnv(env *variables) {
	declared := b.declaredPorts()
	if len(declared) == 0 {
		return
	}
	effective := make([]uint32, len(declared))
	var assigned, generated []string
	for i, d := range declared {
		switch {
		case b.hostPorts[i] != nil:
			effective[i] = *b.hostPorts[i]
			assigned = append(assigned, number(effective[i]))
		case d.port != 0:
			effective[i] = d.port
		default:
			effective[i] = b.generatePort(i, declared, effective)
			generated = append(generated, number(effective[i]))
		}
		env.set("PORT"+strconv.Itoa(i), number(effective[i]))
	}
	for i, d := range declared {
		if d.port == 0 {
			d.port = effective[i]
		}
		env.set("PORT_"+number(d.port), number(effective[i]))
	}
	for i, d := range declared {
		if d.name != "" {
			env.set("PORT_"+strings.ToUpper(d.name), number(effective[i]))
		}
	}
	assigned = append(assigned, generated...)
	if len(assigned) > 0 {
		env.set("PORT", assigned[0])
	}
	env.set("PORTS", strings.Join(assigned, ","))
}

// declaredPort is a port as the app declares it: a container port or, on the host's network, a service port.
type declaredPort struct {
	name string
	port uint32
}

func (b *builder) declaredPorts() []declaredPort {
	var all []declaredPort
	for _, m := range b.app.container.portMappings {
		all = append(all, declaredPort{m.name, m.containerPort})
	}
	for _, d := range b.app.ports {
		all = append(all, declaredPort{d.name, d.port})
	}
	return all
}

// generatePort picks a port of 1025 to 65535 that the task does not use yet. Where Marathon throws dice, the instance's uuid
// decides, so that the same instance always gets the same.
func (b *builder) generatePort(index int, declared []declaredPort, effective []uint32) uint32 {
	used := map[uint32]bool{}
	for i := range declared {
		used[declared[i].port], used[effective[i]] = true, true
		if b.hostPorts[i] != nil {
			used[*b.hostPorts[i]] = true
		}
	}
	const first, size = 1025, maxPort - 1024
	hash := fnv.New32a()
	hash.Write([]byte(b.taskID + "/" + strconv.Itoa(index)))
	offset := hash.Sum32() % size
	for used[first+offset] {
		offset = (offset + 1) % size
	}
	return first + offset
}

func number(port uint32) string { return strconv.FormatUint(uint64(port), 10) }

// javaLength is the length Marathon sees, in UTF-16 units.
func javaLength(s string) int { return len(utf16.Encode([]rune(s))) }

// javaDouble writes a number as Java's Double.toString does: 32.0, 0.1, 1.0E7.
func javaDouble(f float64) string {
	if f == 0 || f >= 1e-3 && f < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	exp, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(exp)
}
