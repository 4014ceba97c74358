package marathon

import (
	"fmt"
	"sync"
)

// The range that Marathon assigns service ports from (--local_port_min, --local_port_max).
const (
	firstServicePort = 10000
	lastServicePort  = 20000
)

// ServicePorts gives every port definition with number 0 a number of its own. Nothing listens on a service port: it is a name for
// load balancers, and it shows in PORT_<number>. All instances of an app have the same. It is safe for concurrent use.
type ServicePorts struct {
	mu       sync.Mutex
	claimed  map[uint32]bool
	assigned map[servicePortKey]uint32
	next     uint32
}

type servicePortKey struct {
	app   string
	index int
}

// NewServicePorts assigns numbers of 10000 to 20000 that none of the apps claims for itself.
func NewServicePorts(apps ...App) *ServicePorts {
	s := &ServicePorts{claimed: map[uint32]bool{}, assigned: map[servicePortKey]uint32{}, next: firstServicePort}
	for _, app := range apps {
		for _, d := range app.ports {
			s.claimed[d.port] = true
		}
		for _, m := range app.container.portMappings {
			s.claimed[m.servicePort] = true
		}
	}
	return s
}

// ServicePort returns the number of an app's port definition, the same at every call.
func (s *ServicePorts) ServicePort(app string, index int) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := servicePortKey{app, index}
	if port, ok := s.assigned[key]; ok {
		return port, nil
	}
	for s.next <= lastServicePort && s.claimed[s.next] {
		s.next++
	}
	if s.next > lastServicePort {
		return 0, fmt.Errorf("no service port of %d to %d is left", firstServicePort, lastServicePort)
	}
	s.assigned[key] = s.next
	s.next++
	return s.assigned[key], nil
}
