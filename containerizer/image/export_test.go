package image

import "time"

// Hurry makes the waits between the tries of a pull short.
func (p *Puller) Hurry() *Puller {
	p.firstWait = time.Millisecond
	return p
}
