package marathon

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/go-multierror"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/strictjson"
)

// The kinds of errors of Ports.Draw.
var (
	ErrPortOutside    = errors.New("not among the ports on offer")
	ErrPortTaken      = errors.New("taken by another task")
	ErrPortsExhausted = errors.New("not enough free ports")
)

// Ports hands out the host ports of one agent. The zero value has none. It is safe for concurrent use. It knows what it has handed
// out, not what other processes on the host listen on.
type Ports struct {
	mu       sync.Mutex
	ranges   []portRange // sorted and disjoint
	reserved map[uint32]bool
	taken    map[uint32]bool
	start    uint32 // where the search for dynamic ports begins
}

type portRange struct{ first, last uint32 }

// NewPorts offers the ports of a list of ranges and single ports, such as "8000,31000-32000"; the brackets of Mesos'
// "[8000-9000,31000-32000]" are accepted too. Every mistake in the list is reported.
func NewPorts(list string) (*Ports, error) {
	var mistakes *multierror.Error
	inner := strings.TrimSpace(list)
	if strings.HasPrefix(inner, "[") && strings.HasSuffix(inner, "]") {
		inner = inner[1 : len(inner)-1]
	}
	var ranges []portRange
	for item := range strings.SplitSeq(inner, ",") {
		r, err := parseRange(strings.TrimSpace(item))
		if err != nil {
			mistakes = multierror.Append(mistakes, err)
			continue
		}
		ranges = append(ranges, r)
	}
	if mistakes != nil {
		mistakes.ErrorFormat = formatMistakes
		return nil, mistakes
	}
	return &Ports{ranges: merge(ranges)}, nil
}

func parseRange(item string) (portRange, error) {
	first, last, isRange := strings.Cut(item, "-")
	if !isRange {
		last = first
	}
	a, errA := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	b, errB := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	switch {
	case errA != nil || errB != nil || a == 0 || b == 0:
		return portRange{}, fmt.Errorf("port range %q: accepted are a port of 1 to 65535 or two as in 31000-32000", strictjson.Shorten(item))
	case a > b:
		return portRange{}, fmt.Errorf("port range %q: its end is below its begin", strictjson.Shorten(item))
	}
	return portRange{uint32(a), uint32(b)}, nil
}

func merge(ranges []portRange) []portRange {
	slices.SortFunc(ranges, func(a, b portRange) int { return cmp.Compare(a.first, b.first) })
	var merged []portRange
	for _, r := range ranges {
		if n := len(merged); n > 0 && r.first <= merged[n-1].last+1 {
			merged[n-1].last = max(merged[n-1].last, r.last)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// Reserve keeps ports for wishes by number. It adds those that were not on offer; a wish for any port gets none of them.
func (p *Ports) Reserve(ports ...uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reserved == nil {
		p.reserved = map[uint32]bool{}
	}
	for _, port := range ports {
		p.reserved[port] = true
	}
}

// Offers says whether a wish for a port by its number can be granted when nothing is taken.
func (p *Ports) Offers(port uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.offers(port)
}

// Draw takes one port per wish: a number asks for that port, 0 for any. A number wished for twice is drawn once and serves both
// (53/tcp and 53/udp). Ports for 0 are neighbours where a free stretch is long enough, and a port that was released comes last,
// so that clients that still take it for its former owner's have time to notice. Either all wishes are granted or none.
func (p *Ports) Draw(wishes []uint32) ([]uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	var refusals *multierror.Error
	fixed := map[uint32]bool{}
	dynamic := 0
	for _, port := range wishes {
		switch {
		case port == 0:
			dynamic++
		case !p.offers(port):
			refusals = multierror.Append(refusals, fmt.Errorf("host port %d is %w, %s", port, ErrPortOutside, p))
		case p.taken[port]:
			refusals = multierror.Append(refusals, fmt.Errorf("host port %d is %w", port, ErrPortTaken))
		default:
			fixed[port] = true
		}
	}
	if refusals != nil {
		refusals.ErrorFormat = formatMistakes
		return nil, refusals
	}
	found := p.search(dynamic, fixed)
	if len(found) < dynamic {
		return nil, fmt.Errorf("%w: %d wanted, %d left of %s", ErrPortsExhausted, dynamic, len(found), p)
	}
	drawn := slices.Clone(wishes)
	for i, port := range drawn {
		if port == 0 {
			drawn[i], found = found[0], found[1:]
			p.start = drawn[i] + 1
		}
	}
	if p.taken == nil {
		p.taken = map[uint32]bool{}
	}
	for _, port := range drawn {
		p.taken[port] = true
	}
	return drawn, nil
}

// Release gives ports back. Ports that are not drawn are ignored.
func (p *Ports) Release(ports ...uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, port := range ports {
		delete(p.taken, port)
	}
}

func (p *Ports) offers(port uint32) bool {
	return p.reserved[port] || slices.ContainsFunc(p.ranges, func(r portRange) bool { return r.first <= port && port <= r.last })
}

// search finds n free ports, consecutive ones if there are some, or as many as are free.
func (p *Ports) search(n int, except map[uint32]bool) []uint32 {
	if n == 0 {
		return nil
	}
	var any, stretch []uint32
	for port := range p.fromStart() {
		if p.taken[port] || p.reserved[port] || except[port] {
			continue
		}
		if k := len(stretch); k > 0 && stretch[k-1]+1 != port {
			stretch = stretch[:0]
		}
		if stretch = append(stretch, port); len(stretch) == n {
			return stretch
		}
		if len(any) < n {
			any = append(any, port)
		}
	}
	return any
}

// fromStart yields every port on offer once: those from p.start on, then those before it.
func (p *Ports) fromStart() func(yield func(uint32) bool) {
	return func(yield func(uint32) bool) {
		for _, late := range []bool{true, false} {
			for _, r := range p.ranges {
				for port := r.first; port <= r.last; port++ {
					if (port >= p.start) == late && !yield(port) {
						return
					}
				}
			}
		}
	}
}

func (p *Ports) String() string {
	if len(p.ranges) == 0 {
		return "no ports"
	}
	var items []string
	for _, r := range p.ranges {
		if r.first == r.last {
			items = append(items, strconv.Itoa(int(r.first)))
			continue
		}
		items = append(items, fmt.Sprintf("%d-%d", r.first, r.last))
	}
	return strings.Join(items, ",")
}

// HostPorts returns the host ports that a task holds, as its resources say; they are what Ports.Release takes back.
func HostPorts(task mesos.TaskInfo) []uint32 {
	var ports []uint32
	for _, resource := range task.Resources {
		if resource.Name != "ports" || resource.Ranges == nil {
			continue
		}
		for _, r := range resource.Ranges.Range {
			for port := r.Begin; port <= min(r.End, maxPort); port++ {
				ports = append(ports, uint32(port))
			}
		}
	}
	return ports
}

// The range that Marathon assigns service ports from (--local_port_min, --local_port_max).
const (
	firstServicePort = 10000
	lastServicePort  = 20000
)

// AssignServicePorts gives the ports on the host's network that are open numbers which none of the apps claims for itself, as Marathon does
// when it takes apps in. Nothing listens on a service port: it is a name for load balancers, and it shows in PORT_<number>.
func AssignServicePorts(apps ...*App) error {
	claimed := map[uint32]bool{}
	for _, app := range apps {
		for _, p := range app.ports {
			claimed[p.servicePort] = true
		}
	}
	next := uint32(firstServicePort)
	for _, app := range apps {
		for i := range app.ports {
			p := &app.ports[i]
			if p.number != 0 || app.network.mode.mapped() {
				continue
			}
			for claimed[next] {
				next++
			}
			if next > lastServicePort {
				return fmt.Errorf("app %s: port %d: no service port of %d to %d is left", app.ID, i, firstServicePort, lastServicePort)
			}
			p.number, p.servicePort = next, next
			next++
		}
	}
	return nil
}
