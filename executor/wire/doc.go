// Package wire is the protocol between an executor and the daemon: messages in JSON, one a frame of package transport, on a Unix
// stream socket. The Engine's output connection is passed with one of them.
//
// The executor opens the connection and sends attach first. The daemon answers refused and closes, or keeps the connection for
// the life of the task. Either side may vanish at any time; the executor then dials again and attaches with all it knows, so
// nothing on this connection has to be delivered twice or remembered by the daemon.
//
//	executor -> daemon:  attach  launch  kill  resume  done
//	daemon -> executor:  refused  accepted  progress  created  output  running  health  check  stop  exited
//
// Executors outlive daemons and are upgraded later than they, so a daemon speaks every Version up to its own, fields are only
// ever added, and a message of unknown kind is skipped. Beside transport, the package uses the standard library
// alone: it is linked into every executor, where memory counts.
package wire
