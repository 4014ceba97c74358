// Package protocol is what the docker command of a Mesos agent (cmd/mesos-docker-cli) and the daemon say to each other. Each
// command has a connection of its own, so that none waits for another's output.
//
// The client connects with [Dial]: a request to the daemon's socket for admins, in HTTP, that asks for an upgrade to this
// protocol. The daemon answers by [Upgrade]. After that both send frames of package transport, with their [Kind], on a [Conn].
// The client's Call comes first and the daemon's Exit last. A connection that ends without an Exit shows that the client or the
// daemon died, and says nothing about the command.
//
//	client -> daemon:  call  stdin  stdin-end  signal  size  output-end
//	daemon -> client:  stdout  stderr  read-stdin  raw  alive  container  output  signal-taken  exit
//
// A run outlives the daemon. Its client learns the container's name and gets the Engine's own connection to the container's
// output (SCM_RIGHTS), so no byte of that passes through the daemon; when the daemon is lost it makes the call [Again] to the
// next one, which then only waits, and sends the exit.
//
// The daemon reads the client's stdin piece by piece, each with one read-stdin, so a command that wants no stdin takes nothing
// of it, and one that reads slowly does not keep signals waiting. In the other direction the socket itself holds a command
// back whose reader is slow.
//
// After an upgrade of the package either side may be the older one for a while. A daemon speaks every [Version] up to its own,
// fields are only ever added, and a frame of unknown kind is skipped. Beside transport, the package uses the standard
// library alone, so that the client starts quickly.
package protocol
