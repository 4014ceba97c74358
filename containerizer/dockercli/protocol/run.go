package protocol

import "time"

// Container is what the client of a run keeps of its container, for the next daemon to go on with: that one reads no command line
// for it, whose rules may have changed.
type Container struct {
	ID   string `json:"id"`
	Name string `json:"name"`

	TTY bool `json:"tty,omitempty"`
	// Stdin, Stdout and Stderr say which streams are the client's. Input passes through the daemon, and ends with it.
	Stdin  bool `json:"stdin,omitempty"`
	Stdout bool `json:"stdout,omitempty"`
	Stderr bool `json:"stderr,omitempty"`

	SigProxy bool `json:"sig_proxy,omitempty"` // signals are the container's
	Remove   bool `json:"remove,omitempty"`    // at its end
}

// Again is what a client knows that asks for its run again.
type Again struct {
	// Container is nil if the daemon was lost before it told of one: there may be one all the same.
	Container *Container `json:"container,omitempty"`
	// Output is nil if the client has had none of the container's streams.
	Output *OutputState `json:"output,omitempty"`
}

// OutputState is that of the last stream that the client was given.
type OutputState struct {
	Open bool      `json:"open,omitempty"`
	End  OutputEnd `json:"end"` // unless Open
}

// Output comes with a connection to the Engine, which is the client's from then on, and on which the container's output comes, in
// the Engine's multiplexed format unless there is a terminal.
type Output struct {
	TTY bool `json:"tty,omitempty"`
	// Stdout and Stderr say what of it is wanted.
	Stdout bool `json:"stdout,omitempty"`
	Stderr bool `json:"stderr,omitempty"`
}

// OutputEnd says when a stream ended.
type OutputEnd struct {
	Last  time.Time `json:"last"` // when something last came of this container's output; zero for never
	Ended time.Time `json:"ended"`
}
