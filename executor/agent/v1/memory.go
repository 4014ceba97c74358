package v1

import (
	"io"
	"net/http"
	"sync"
)

// releasedBody is a request's body that lets go of its content when it has been sent. A SUBSCRIBE carries whole tasks.
type releasedBody struct {
	mu      sync.Mutex    // the transport may close while it reads
	content io.ReadCloser // nil once closed
}

func (b *releasedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.content == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.content.Read(p)
}

func (b *releasedBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.content == nil {
		return nil
	}
	err := b.content.Close()
	b.content = nil
	return err
}
