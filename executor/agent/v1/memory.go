package v1

import (
	"io"
	"net/http"
	"runtime/debug"
	"sync"
)

// largeMessage is the size from which the memory of a call or event is given back at once instead of at the next collection,
// which in an executor with little to do may be minutes away. Below it a collection costs more than it frees.
const largeMessage = 1 << 20

func releaseAfter(size int) {
	if size >= largeMessage {
		debug.FreeOSMemory()
	}
}

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
