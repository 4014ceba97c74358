package image

import (
	"fmt"
	"time"

	"github.com/docker/docker/pkg/jsonmessage"
	"github.com/docker/go-units"
)

// Progress is the progress of a pull, summed over its layers. It falls only when a layer is downloaded again after an error.
// BytesTotal grows as sizes become known; the Engine opens three layers at a time. An Engine with containerd's image store
// (default from 29 on) reports bytes in steps of 1 MiB, and no bytes of a layer that is complete within 0.1 s.
type Progress struct {
	Status         Status
	Layers         int   // of the image
	LayersDone     int   // complete, including those that were present
	BytesDone      int64 // downloaded
	BytesTotal     int64 // to download, of layers with a known size
	BytesExtracted int64 // of BytesTotal; 0 with Engines that do not report it
	Rate           int64 // bytes per second over the last rateWindow; 0 if unknown

	Silent time.Duration // since the last news, if that is long

	// With Waiting: the try that failed last, from 1, its error, and when the next begins.
	Try     int
	Trouble string
	Next    time.Time
}

// Status is the state of a pull.
type Status string

// A pull passes through the statuses in this order. The least advanced layer determines it.
const (
	Queued      Status = "waiting for other pulls on this host"
	Asking      Status = "asking the registry"
	Downloading Status = "downloading"
	Extracting  Status = "extracting"
	Complete    Status = "complete"
	Waiting     Status = "waiting to try again" // then it starts again
)

// String reads "downloading, 2 of 5 layers, 12.4MB of 40MB, 3.1MB/s".
func (p Progress) String() string {
	switch {
	case p.Status == "":
		return "the start"
	case p.Status == Waiting:
		return fmt.Sprintf("%s after this failure: %s", p.Status, p.Trouble)
	case p.Layers == 0 || p.Status == Asking:
		if p.Silent > 0 {
			return fmt.Sprintf("%s, which has not answered for %v", p.Status, p.Silent)
		}
		return string(p.Status)
	}
	text := fmt.Sprintf("%s, %d of %d layers", p.Status, p.LayersDone, p.Layers)
	if p.BytesTotal > 0 {
		text += fmt.Sprintf(", %s of %s", units.HumanSize(float64(p.BytesDone)), units.HumanSize(float64(p.BytesTotal)))
	}
	if p.Status == Downloading && p.Rate > 0 {
		text += ", " + units.HumanSize(float64(p.Rate)) + "/s"
	}
	if p.Silent > 0 {
		text += fmt.Sprintf(", and nothing since %v", p.Silent)
	}
	return text
}

// wordPresent is what the Engine says of a layer that it has.
const wordPresent = "Already exists"

const (
	// maxLayers bounds the memory for a malformed stream. Images have fewer layers: overlay2 allows 127.
	maxLayers = 1024

	// maxLayerBytes keeps the sums of a malformed stream within int64.
	maxLayerBytes = 1 << 50
)

type phase int

const (
	queued phase = iota
	downloading
	downloaded
	extracting
	ready
)

// layer is the last state of one layer.
type layer struct {
	phase     phase
	word      string
	tick      int64 // progress in another unit than bytes
	done      int64
	total     int64
	extracted int64
}

// tally sums the messages of one pull.
type tally struct {
	layers map[string]layer
	words  string // of the last message about the whole image
}

func newTally() *tally { return &tally{layers: make(map[string]layer)} }

// observe adds one message and reports whether it shows progress.
func (t *tally) observe(m jsonmessage.JSONMessage) (news bool) {
	if m.ID == "" || m.Progress == nil { // of the image: "Pulling from …", "Digest: …", "Status: …"
		news = m.Status != t.words
		t.words = m.Status
		return news
	}
	before, known := t.layers[m.ID]
	if !known && len(t.layers) >= maxLayers {
		return false
	}
	after := before.next(m.Status, *m.Progress)
	t.layers[m.ID] = after
	return !known || after != before
}

// next returns the state of a layer after a message. The Engine reports phases in words alone; an unknown word does not change the phase.
func (l layer) next(word string, p jsonmessage.JSONProgress) layer {
	l.word = word
	current, total := clamp(p.Current), clamp(p.Total)
	if p.Units != "" { // seconds, for example
		l.tick, current, total = p.Current, 0, 0
	}
	switch word {
	case "Pulling fs layer", "Waiting":
		l.phase = queued
	case "Downloading":
		l.phase, l.done = downloading, current
		if total > 0 {
			l.total = total
		}
		l.total = max(l.total, l.done)
	case "Verifying Checksum", "Download complete":
		l.phase, l.done = downloaded, l.total
	case "Extracting":
		l.phase = extracting
		l.total = max(l.total, total)
		l.done = l.total
		l.extracted = min(max(l.extracted, current), l.total)
	case "Pull complete", wordPresent:
		l.phase, l.done, l.extracted = ready, l.total, l.total
	}
	return l
}

func clamp(n int64) int64 { return min(max(n, 0), maxLayerBytes) }

// progress returns the sum.
func (t *tally) progress() Progress {
	p := Progress{Status: Asking, Layers: len(t.layers)}
	counts, present := make(map[phase]int), 0
	for _, l := range t.layers {
		counts[l.phase]++
		if l.word == wordPresent {
			present++
		}
		p.BytesDone += l.done
		p.BytesTotal += l.total
		p.BytesExtracted += l.extracted
	}
	p.LayersDone = counts[ready]
	switch {
	case p.Layers == present: // or no layers: the Engine lists present layers first
	case p.LayersDone == p.Layers:
		p.Status = Complete
	case counts[queued]+counts[downloading] > 0:
		p.Status = Downloading
	default:
		p.Status = Extracting
	}
	return p
}

const (
	// rateWindow is the time over which the rate is averaged: long enough to be steady, short enough to show a slower registry.
	rateWindow = 10 * time.Second

	// rateStep is the least time between two samples.
	rateStep = time.Second
)

// meter measures the growth rate of a count.
type meter struct{ samples []sample }

type sample struct {
	at    time.Time
	bytes int64
}

// observe adds a sample and returns the rate per second over the last rateWindow, 0 if unknown. A falling count, after a layer's
// second download, restarts the measurement.
func (m *meter) observe(now time.Time, bytes int64) int64 {
	n := len(m.samples)
	if n > 0 && bytes < m.samples[n-1].bytes {
		m.samples, n = m.samples[:0], 0
	}
	if n == 0 || now.Sub(m.samples[n-1].at) >= rateStep {
		m.samples = append(m.samples, sample{now, bytes})
	}
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= rateWindow {
		m.samples = m.samples[1:]
	}
	elapsed := now.Sub(m.samples[0].at)
	if elapsed < rateStep {
		return 0
	}
	return int64(float64(bytes-m.samples[0].bytes) / elapsed.Seconds())
}
