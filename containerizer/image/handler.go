package image

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// HandleAdmin answers what admins ask about images, each time with a Report: GET /images for a survey, POST /images/gc for a
// collection at once. Failures are a line of text.
func (c *Collector) HandleAdmin(mux *http.ServeMux) {
	mux.HandleFunc("GET /images", func(w http.ResponseWriter, r *http.Request) { c.answer(w, r, c.Survey) })
	mux.HandleFunc("POST /images/gc", func(w http.ResponseWriter, r *http.Request) {
		if c.Delay == 0 {
			http.Error(w, "the clean-up of images is off: set image_gc_delay and restart the daemon", http.StatusConflict)
			return
		}
		c.answer(w, r, c.Collect)
	})
}

// answer sends what work has to say, in the time that takes: it ends with whoever asked.
func (c *Collector) answer(w http.ResponseWriter, r *http.Request, work func(context.Context) (Report, error)) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // what cannot be set is no worse than before
	_ = control.SetWriteDeadline(time.Time{})
	report, err := work(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(report); err != nil {
		c.Logger.Debug("an admin did not wait for the answer", zap.Error(err))
	}
}
