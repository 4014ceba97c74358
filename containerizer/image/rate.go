package image

import "time"

const (
	// rateWindow is what a rate is the mean of: long enough to be steady, short enough to show a registry that slows down.
	rateWindow = 10 * time.Second

	// rateStep is the time between two samples that are kept.
	rateStep = time.Second
)

// meter measures the rate at which a count grows.
type meter struct{ samples []sample }

type sample struct {
	at    time.Time
	bytes int64
}

// observe takes in the count at a time and returns the rate per second over the last rateWindow, 0 while it is not known. A
// count that falls, since a layer is downloaded again, starts the measurement anew.
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
