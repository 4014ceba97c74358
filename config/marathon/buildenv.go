package marathon

import (
	"cmp"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// variables is a list of names with values, in which a later value of a name wins but keeps the place of the first.
type variables struct {
	pairs []pair
	index map[string]int
}

func (e *variables) set(name, value string) {
	if i, ok := e.index[name]; ok {
		e.pairs[i].value = value
		return
	}
	if e.index == nil {
		e.index = map[string]int{}
	}
	e.index[name] = len(e.pairs)
	e.pairs = append(e.pairs, pair{name, value})
}

func (e *variables) setAll(pairs []pair) {
	for _, p := range pairs {
		e.set(p.key, p.value)
	}
}

// environment is what Marathon sets, overridden by the app's own env.
func (b *builder) environment() []mesos.Environment_Variable {
	var env variables
	b.contextEnv(&env)
	b.portsEnv(&env)
	env.set("HOST", b.offer.Hostname)
	env.setAll(b.app.env)
	all := make([]mesos.Environment_Variable, len(env.pairs))
	for i, p := range env.pairs {
		all[i] = mesos.Environment_Variable{Name: p.key, Value: &p.value}
	}
	return all
}

func (b *builder) contextEnv(env *variables) {
	env.set("MESOS_TASK_ID", b.taskID)
	env.set("MARATHON_APP_ID", b.app.ID)
	env.set("MARATHON_APP_VERSION", b.offer.Version.UTC().Format("2006-01-02T15:04:05.000Z"))
	if b.app.container.image != "" {
		env.set("MARATHON_APP_DOCKER_IMAGE", b.app.container.image)
	}
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
		kept.set(strings.ToUpper(notInVariableName.ReplaceAllString(p.key, "_")), p.value)
	}
	for _, p := range kept.pairs {
		names = append(names, p.key)
	}
	env.set("MARATHON_APP_LABELS", strings.Join(names, " "))
	for _, p := range kept.pairs {
		env.set(labelPrefix+p.key, p.value)
	}
}

// portsEnv sets PORT<index>, PORT_<declared number>, PORT_<NAME>, PORT and PORTS. A mapping with neither a host nor a container
// port gets a number of its own here, which is nowhere else.
func (b *builder) portsEnv(env *variables) {
	ports := b.app.ports
	if len(ports) == 0 {
		return
	}
	used := map[uint32]bool{} // numbers that already mean something to the task
	for i, p := range ports {
		used[p.number] = true
		if b.hostPorts[i] != nil {
			used[*b.hostPorts[i]] = true
		}
	}
	effective := make([]uint32, len(ports))
	var assigned, generated []string
	for i, p := range ports {
		switch {
		case b.hostPorts[i] != nil:
			effective[i] = *b.hostPorts[i]
			assigned = append(assigned, number(effective[i]))
		case p.number != 0:
			effective[i] = p.number
		default:
			effective[i] = b.generatePort(i, used)
			generated = append(generated, number(effective[i]))
		}
		env.set("PORT"+strconv.Itoa(i), number(effective[i]))
	}
	for i, p := range ports {
		env.set("PORT_"+number(cmp.Or(p.number, effective[i])), number(effective[i]))
	}
	for i, p := range ports {
		if p.name != "" {
			env.set("PORT_"+strings.ToUpper(p.name), number(effective[i]))
		}
	}
	assigned = append(assigned, generated...)
	if len(assigned) > 0 {
		env.set("PORT", assigned[0])
	}
	env.set("PORTS", strings.Join(assigned, ","))
}

// generatePort picks a port of 1025 to 65535 that is not used yet, and uses it. Where Marathon throws dice, the instance's uuid
// decides, so that the same instance always gets the same. There is always one: see maxPorts.
func (b *builder) generatePort(index int, used map[uint32]bool) uint32 {
	const first, size = 1025, maxPort - 1024
	hash := fnv.New32a()
	hash.Write([]byte(b.taskID + "/" + strconv.Itoa(index)))
	offset := hash.Sum32() % size
	for used[first+offset] {
		offset = (offset + 1) % size
	}
	used[first+offset] = true
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
