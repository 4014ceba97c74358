package image

import (
	"fmt"

	"github.com/docker/docker/pkg/jsonmessage"
	"github.com/docker/go-units"
)

// Progress is how far a pull has come, added up over the layers. It moves forward but for a layer that is downloaded again after
// an error. BytesTotal grows while sizes become known: the Engine opens three layers at a time. An Engine whose images are in
// containerd's store (29 and later) tells of a layer's bytes by the MiB, and of a layer that is there within 0.1 s only that.
type Progress struct {
	Status         Status
	Layers         int   // that the image has
	LayersDone     int   // that are ready, those that were present included
	BytesDone      int64 // downloaded
	BytesTotal     int64 // to download, as far as sizes are known
	BytesExtracted int64 // of BytesTotal; stays 0 with Engines that extract without saying how much
	Rate           int64 // bytes downloaded a second, of late; 0 while it is not known

	Trouble string // why the last try failed, while the next is waited for
}

// Status is what a pull is doing.
type Status string

// The order of the statuses is that in which a pull goes through them; with several layers the least advanced work counts.
const (
	Queued      Status = "waiting for other pulls on this host"
	Asking      Status = "asking the registry"
	Downloading Status = "downloading"
	Extracting  Status = "extracting"
	Complete    Status = "complete"
	Waiting     Status = "waiting to try again" // from where it begins anew
)

// String reads "downloading, 2 of 5 layers, 12.4MB of 40MB, 3.1MB/s".
func (p Progress) String() string {
	switch {
	case p.Status == "":
		return "the start"
	case p.Status == Waiting:
		return fmt.Sprintf("%s after this failure: %s", p.Status, p.Trouble)
	case p.Layers == 0 || p.Status == Asking:
		return string(p.Status)
	}
	text := fmt.Sprintf("%s, %d of %d layers", p.Status, p.LayersDone, p.Layers)
	if p.BytesTotal > 0 {
		text += fmt.Sprintf(", %s of %s", units.HumanSize(float64(p.BytesDone)), units.HumanSize(float64(p.BytesTotal)))
	}
	if p.Status == Downloading && p.Rate > 0 {
		text += ", " + units.HumanSize(float64(p.Rate)) + "/s"
	}
	return text
}

// The words of the Engine for the phases of a layer. There is no other form in which it tells them; a word we do not know
// leaves the phase as it is.
const (
	wordWaiting    = "Waiting"
	wordQueued     = "Pulling fs layer"
	wordDownload   = "Downloading"
	wordVerify     = "Verifying Checksum"
	wordDownloaded = "Download complete"
	wordExtract    = "Extracting"
	wordComplete   = "Pull complete"
	wordPresent    = "Already exists"
)

const (
	// maxLayers is far beyond what an image can have (overlay2 takes 127) and keeps a mad stream from filling memory.
	maxLayers = 1024

	// maxLayerBytes keeps sums within int64, whatever a mad stream says.
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

// layer is what the Engine last said about one layer.
type layer struct {
	phase     phase
	word      string
	tick      int64 // of a progress that is not in bytes
	done      int64
	total     int64
	extracted int64
}

// tally adds up the messages of one pull.
type tally struct {
	layers map[string]layer
	words  string // of the last message that is about the whole image
}

func newTally() *tally { return &tally{layers: make(map[string]layer)} }

// observe takes one message in and reports whether it told something new, that is whether the pull is alive.
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

// next is the state of a layer after one more message.
func (l layer) next(word string, p jsonmessage.JSONProgress) layer {
	l.word = word
	current, total := clamp(p.Current), clamp(p.Total)
	if p.Units != "" { // seconds, for example
		l.tick, current, total = p.Current, 0, 0
	}
	switch word {
	case wordQueued, wordWaiting:
		l.phase = queued
	case wordDownload:
		l.phase, l.done = downloading, current
		if total > 0 {
			l.total = total
		}
		l.total = max(l.total, l.done)
	case wordVerify, wordDownloaded:
		l.phase, l.done = downloaded, l.total
	case wordExtract:
		l.phase = extracting
		l.total = max(l.total, total)
		l.done = l.total
		l.extracted = min(max(l.extracted, current), l.total)
	case wordComplete, wordPresent:
		l.phase, l.done, l.extracted = ready, l.total, l.total
	}
	return l
}

func clamp(n int64) int64 { return min(max(n, 0), maxLayerBytes) }

// progress is the sum.
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
	case p.Layers == present: // or none: the Engine names layers that are there before those that it has to download
	case p.LayersDone == p.Layers:
		p.Status = Complete
	case counts[queued]+counts[downloading] > 0:
		p.Status = Downloading
	default:
		p.Status = Extracting
	}
	return p
}
