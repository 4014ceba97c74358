package run

import (
	"io"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars draws one bar for each image that is being pulled. Its caller serialises all calls. While no bar is drawn nothing of it
// runs.
type bars struct {
	w        io.Writer
	progress *mpb.Progress       // nil while there is no bar
	bar      map[string]*mpb.Bar // by image
	waiting  map[string]string   // task to the image it waits for
}

func newBars(w io.Writer) *bars {
	return &bars{w: w, bar: map[string]*mpb.Bar{}, waiting: map[string]string{}}
}

// show moves the bar of an image that a task waits for.
func (b *bars) show(task string, p Progress) {
	b.waiting[task] = p.Reference
	if b.progress == nil {
		b.progress = mpb.New(mpb.WithOutput(b.w))
	}
	bar := b.bar[p.Reference]
	if bar == nil {
		bar = b.progress.AddBar(0,
			mpb.PrependDecorators(decor.Name("pulling "+p.Reference+" ")),
			mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}), decor.CountersKibiByte(" %.1f / %.1f")),
			mpb.BarRemoveOnComplete())
		b.bar[p.Reference] = bar
	}
	bar.SetTotal(p.Total, false)
	bar.SetCurrent(p.Bytes)
}

// leave says that a task does not wait any more. The bar goes with the last that waits for its image.
func (b *bars) leave(task string) {
	image, ok := b.waiting[task]
	if !ok {
		return
	}
	delete(b.waiting, task)
	for _, other := range b.waiting {
		if other == image {
			return
		}
	}
	b.bar[image].Abort(true)
	delete(b.bar, image)
	if len(b.bar) == 0 {
		b.close()
	}
}

// write prints above the bars. It returns false when there are none.
func (b *bars) write(text []byte) bool {
	if b.progress == nil {
		return false
	}
	_, err := b.progress.Write(text)
	return err == nil
}

// close removes all bars.
func (b *bars) close() {
	if b.progress == nil {
		return
	}
	for _, bar := range b.bar {
		bar.Abort(true)
	}
	b.progress.Wait()
	b.progress = nil
	clear(b.bar)
	clear(b.waiting)
}
