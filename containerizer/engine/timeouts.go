package engine

import "time"

// Every call to the Engine has a limit, so that a hung Engine costs a task its launch and not the daemon its goroutine. A limit
// is the time after which waiting on has become less likely to help than asking again; it is no estimate of how long the call
// takes. The limit holds unless the caller's context ends earlier. Before a change of one, know that the call may still take
// effect afterwards (see IsUnavailable).
//
// Those that are exported are also how long others go on with what such a call has begun, or is still doing.
const (
	// pingLimit bounds a ping and with it version negotiation. A ping takes no lock in the Engine: one that is not answered in
	// this time comes from an Engine that is hung, not busy.
	pingLimit = 5 * time.Second

	// CreateLimit is long because create prepares the layers of the container and copies what the image has under the paths of
	// its volumes, which may be gigabytes on a slow disk, and because volume drivers are asked over the network.
	CreateLimit = 2 * time.Minute

	// startLimit is long because start mounts volumes through their drivers, sets up networks one container at a time (the
	// Engine serialises the firewall rules) and then waits for containerd and runc; with 50 starts at once the last has waited
	// for the others.
	startLimit = 2 * time.Minute

	// copyLimit bounds the copying of a task's secrets, which are small. The Engine mounts the container's layers and volumes for
	// it, so volume drivers are asked over the network.
	copyLimit = time.Minute

	// inspectLimit is that of the stock executor for each attempt (contract 3.1, row 3). Inspect waits for the
	// container's lock, which a running start or stop of the same container holds: the answer to a miss is to ask again.
	inspectLimit = 5 * time.Second

	// listLimit allows for hosts with thousands of dead containers, whose locks are all taken in turn.
	listLimit = 30 * time.Second

	// killLimit covers the signal alone: the Engine does not wait for the process to end, except that it may wait for
	// containerd. When it is missed the caller still can signal the process itself.
	killLimit = 10 * time.Second

	// StopMargin comes on top of the grace. After SIGKILL the Engine waits up to ten seconds for the exit to be reported and
	// then tears down network and mounts.
	StopMargin = 20 * time.Second

	// RemoveLimit is long because the layer of the container is deleted file by file, and anonymous volumes with it.
	RemoveLimit = 2 * time.Minute

	// streamOpenLimit bounds the opening of a stream (output, log, events) up to the Engine's response header. The open stream
	// has no limit: silence is normal in all three.
	streamOpenLimit = 10 * time.Second

	// execLimit bounds the calls about a process in a container other than its stream. Creating one takes the container's lock as
	// inspect does; starting one in the background waits for containerd and runc, which are slow on a host that is busy.
	execLimit = 30 * time.Second

	// resizeLimit is short because nothing depends on the size of a terminal, and the next change brings another call.
	resizeLimit = 5 * time.Second

	// volumeInspectLimit covers a question to the volume's driver, which may ask a storage system in turn.
	volumeInspectLimit = 30 * time.Second

	// networkInspectLimit allows for the lock that a start holds while it sets up its network.
	networkInspectLimit = 15 * time.Second

	// imageInspectLimit covers a look into the image store, which pulls and deletions lock for moments.
	imageInspectLimit = 15 * time.Second

	// registryLimit bounds a question that the Engine forwards to a registry. It is asked only to explain a pull that failed,
	// so an early answer is worth more than a sure one.
	registryLimit = 10 * time.Second

	// infoLimit is longer than a ping's because info counts all containers and asks containerd, runc and the plug-ins for
	// their versions.
	infoLimit = 30 * time.Second

	// noLimit marks a pull: how long it takes is a matter of the image and the network, so its caller watches for inactivity.
	noLimit = time.Duration(0)
)
