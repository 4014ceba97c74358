package main

import (
	"errors"
	"fmt"
	"net"
	"os/user"
	"strconv"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/systemd"
)

// listen returns the daemon's socket, open to the group that the configuration names.
func listen(c *config.Config) (*net.UnixListener, error) {
	gid, err := groupID(c)
	if err != nil {
		return nil, err
	}
	listener, err := systemd.Listener(c.Socket)
	if err != nil || c.SocketGroup == "" {
		return listener, err
	}
	if err := systemd.OpenTo(c.Socket, gid); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// groupID is the number of the group; 0 for none.
func groupID(c *config.Config) (int, error) {
	switch {
	case c.SocketGroup == "":
		return 0, nil
	case c.WorkDir == "":
		return 0, fmt.Errorf("socket_group is set (%s) and work_dir is not: executors that do not run as root are known by their sandboxes, which lie below it",
			c.Origin("socket_group"))
	}
	text := c.SocketGroup
	if group, err := user.LookupGroup(text); err == nil {
		text = group.Gid
	}
	gid, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("socket_group: there is no group %q (%s)", c.SocketGroup, c.Origin("socket_group"))
	}
	return int(gid), nil
}
