package executor

import "bytes"

const (
	// tailSize is how many of the last bytes of a stream are kept to recognise the place in the Engine's log.
	tailSize = 4 << 10

	// maxLag bounds how far in bytes of the log the executor can be behind the last record of an Engine that is gone. The Engine
	// holds back at most about a million bytes of each stream; a log driver may keep a byte in up to three (json-file writes
	// U+FFFD for what is no UTF-8). The rest was in the connection, which is read to its end.
	maxLag = 4 << 20

	// shortTail is how much of the tail is looked for if all of it is not there: a log that is rotated early may hold less.
	shortTail = 256

	// minOverlap is how much of the tail the end of the log must have for the log to count as a part of what was received.
	minOverlap = 64
)

// tail keeps the last bytes of a stream. The zero value is ready; it takes memory with the first byte only.
type tail struct {
	ring []byte // tailSize long once there is anything
	n    int64  // bytes ever added
}

func (t *tail) add(p []byte) {
	if len(p) > 0 && t.ring == nil {
		t.ring = make([]byte, tailSize)
	}
	t.n += int64(len(p))
	if skipped := len(p) - tailSize; skipped > 0 {
		p = p[skipped:]
	}
	for at := int((t.n - int64(len(p))) % tailSize); len(p) > 0; at = 0 {
		p = p[copy(t.ring[at:], p):]
	}
}

// bytes returns a copy of what is kept, at most the last limit bytes.
func (t *tail) bytes(limit int64) []byte {
	size := int(min(t.n, tailSize, limit))
	kept := make([]byte, size)
	for i := range kept {
		kept[i] = t.ring[(t.n-int64(size)+int64(i))%tailSize]
	}
	return kept
}

// matchMode is how a matcher tells what of a log was received before.
type matchMode int

// The modes, in the order in which they are tried.
const (
	byCount  matchMode = iota // the log is whole: as many bytes as were received are dropped, if the last of them are those received last
	byTail                    // the log has lost its beginning: it goes on after the earliest place, within maxLag of its end, of the tail
	byBound                   // the place was not found: the last maxLag bytes are written, of which some may have been before
	allKnown                  // nothing more is missing
)

// matcher finds in a stream of the log of an Engine that is gone what the executor has not received. The log is read once for each
// mode that is tried.
type matcher struct {
	mode     matchMode
	received int64  // of this stream, counted where the log was counted from
	tail     []byte // the last of those
	length   int64  // of the log when it was last read to its end

	seen    int64 // of the log in this reading
	differs bool  // the bytes before the place of byCount are others
	found   bool
	state   int   // of the search: how many bytes of tail have just been seen
	failure []int // the search's table of Knuth, Morris and Pratt
}

func newMatcher(received int64, tail []byte) *matcher {
	return &matcher{received: received, tail: tail, found: received == 0}
}

// take takes the next piece of the log and returns the part of it, at its end, that is to be written.
func (m *matcher) take(p []byte) []byte {
	var rest []byte
	switch {
	case m.mode == allKnown:
	case m.found:
		rest = p
	case m.mode == byCount:
		rest = m.takeByCount(p)
	case m.mode == byTail:
		rest = m.takeByTail(p)
	default:
		rest = p[min(int64(len(p)), max(0, m.length-maxLag-m.seen)):]
	}
	m.seen += int64(len(p))
	return rest
}

func (m *matcher) takeByCount(p []byte) []byte {
	old := p[:min(int64(len(p)), max(0, m.received-m.seen))]
	from := m.received - int64(len(m.tail)) // where the tail begins in the log
	if skip := max(0, from-m.seen); skip < int64(len(old)) {
		at := m.seen + skip - from
		if part := old[skip:]; !bytes.Equal(part, m.tail[at:at+int64(len(part))]) {
			m.differs = true
		}
	}
	if m.differs || len(old) == len(p) {
		return nil
	}
	m.found = true
	return p[len(old):]
}

func (m *matcher) takeByTail(p []byte) []byte {
	skip := min(int64(len(p)), max(0, m.length-maxLag-m.seen))
	for i, b := range p[skip:] {
		for m.state > 0 && (m.state == len(m.tail) || m.tail[m.state] != b) {
			m.state = m.failure[m.state]
		}
		if m.tail[m.state] == b {
			m.state++
		}
		if m.state == len(m.tail) {
			m.found = true
			return p[int(skip)+i+1:]
		}
	}
	return nil
}

// end notes that the log was read to its end. Whole is true if it has certainly lost nothing. The result is whether all is known;
// if not, the log is to be read again.
func (m *matcher) end(whole bool) bool {
	switch m.mode {
	case byCount:
		// An Engine that dies has sent more than it has logged: then the log ends within what was received, or before.
		compared := int64(len(m.tail)) - (m.received - m.seen)
		known := whole || compared >= minOverlap || m.received == int64(len(m.tail))
		if m.found || m.seen == 0 || !m.differs && (known || m.seen >= m.received) {
			m.become(allKnown)
		} else {
			m.become(byTail)
		}
	case byTail:
		switch {
		case m.found, m.state >= min(minOverlap, len(m.tail)):
			m.become(allKnown)
		case len(m.tail) > shortTail:
			m.tail = m.tail[len(m.tail)-shortTail:]
			m.become(byTail)
		default:
			m.become(byBound)
		}
	default:
		m.become(allKnown)
	}
	return m.mode == allKnown
}

func (m *matcher) become(mode matchMode) {
	m.mode, m.length = mode, m.seen
	m.seen, m.state, m.found, m.differs, m.failure = 0, 0, false, false, nil
	if mode == byTail {
		m.failure = failures(m.tail)
	}
}

// failures returns for each length of a beginning of the pattern the length of the longest shorter beginning that it ends with.
func failures(pattern []byte) []int {
	table := make([]int, len(pattern)+1)
	for i, k := 1, 0; i < len(pattern); i++ {
		for k > 0 && pattern[k] != pattern[i] {
			k = table[k]
		}
		if pattern[k] == pattern[i] {
			k++
		}
		table[i+1] = k
	}
	return table
}
