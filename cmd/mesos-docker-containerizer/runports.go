package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/input"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/config/marathon"
	"mesos-docker-containerizer/containerizer/engine"
)

// defaultPorts are the host ports that a Mesos agent offers unless its resources say otherwise.
const defaultPorts = "31000-32000"

// publishedWait is how long the Engine may take to list its containers before a run draws its ports without.
const publishedWait = 5 * time.Second

// offeredPorts are the ports of the flag, which is empty if it was not given. Then the ports that apps name are on offer too; else
// the flag must have them.
func offeredPorts(flag string, named []input.NamedPort) (*marathon.Ports, error) {
	ports, err := marathon.NewPorts(cmp.Or(flag, defaultPorts))
	if err != nil {
		return nil, fmt.Errorf("--ports: %w", err)
	}
	var missing, numbers []string
	for _, p := range named {
		if flag != "" && !ports.Offers(p.Port) {
			missing = append(missing, p.String())
			numbers = append(numbers, strconv.Itoa(int(p.Port)))
			continue
		}
		ports.Reserve(p.Port)
	}
	if missing != nil {
		return nil, fmt.Errorf("--ports=%s: not among these are host ports that are asked for by number: %s; --ports=%s,%s has them",
			flag, strings.Join(missing, ", "), ports, strings.Join(numbers, ","))
	}
	return ports, nil
}

// publishedPorts asks the Engine which host ports it has published.
func publishedPorts(t terminal, c *config.Config) (ports []uint32, err error) {
	socket, _, err := engineSocket(t, c)
	if err != nil {
		return nil, err
	}
	docker, err := engine.New(engine.Options{Socket: socket})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), publishedWait)
	defer cancel()
	list, err := docker.ListAll(ctx, false)
	for _, container := range list {
		for _, port := range container.Ports {
			if port.PublicPort != 0 {
				ports = append(ports, uint32(port.PublicPort))
			}
		}
	}
	return ports, err
}
