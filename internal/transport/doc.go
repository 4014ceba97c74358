// Package transport sends frames, and file descriptors with them, over Unix stream sockets. Two protocols are built on it:
// executor/wire, between an executor and the daemon, and containerizer/dockercli/protocol, between the agent's docker command
// and the daemon.
//
// A frame is a header and a body. The header is the body's length in four bytes, most significant first; a [Format] may put the
// body's kind in one byte before it. What a body holds is the protocol's business, and so are versions.
//
// A descriptor (SCM_RIGHTS) is sent with the first byte of its frame. The receiver never reads beyond a frame, so a descriptor
// that arrives while it reads one belongs to that frame and to no other.
//
// The package imports the standard library alone: one executor runs per task, so what it links counts on every host as often as
// there are tasks.
package transport
