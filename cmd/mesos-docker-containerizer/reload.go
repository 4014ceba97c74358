package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/systemd"
)

const reloadUsage = `
Usage: mesos-docker-containerizer reload [FLAG...]

Has the daemon on this host (the one on --run_dir) read its settings again, files that they name included, and says what took effect
and what needs a restart. Without a restart change: docker_config, log_level, the policy files, the image_gc flags and
pull_progress_interval. SIGHUP and systemctl reload do the same; the daemon's log says what came of it.

If any setting is wrong nothing changes: the daemon goes on with all the values it has. Pulls, tasks and checks that are under way go
on with what they began with.

Exit status: 0, 1 when a setting is wrong, 2 when a flag on the command line is wrong, 3 when no daemon answers.
`

// reloadTimeout bounds the daemon's answer.
const reloadTimeout = 10 * time.Second

// reload asks the daemon to read its settings again.
func reload(own *flag.FlagSet) action {
	asJSON := own.Bool("json", false, "one JSON object instead of text")
	return func(t terminal, c *config.Config, _ []string) error {
		var report reloadReport
		if err := askDaemon(c, http.MethodPost, "/reload", reloadTimeout, &report); err != nil {
			if daemonAway(err) { // which would have said what is wrong
				t.warnMistakes(c)
			}
			return err
		}
		if *asJSON {
			return json.NewEncoder(t.stdout).Encode(report)
		}
		_, err := fmt.Fprint(t.stdout, report.text())
		return err
	}
}

// reloadReport is what a reload has changed. Values of secrets are not in it.
type reloadReport struct {
	Effective []string `json:"effective"` // "log_level=debug (from /etc/…/log_level)"
	Restart   []string `json:"restart"`   // what takes effect with the next restart of the daemon
}

func (r *reloadReport) text() string {
	if len(r.Effective)+len(r.Restart) == 0 {
		return "nothing has changed\n"
	}
	var b strings.Builder
	for _, line := range r.Effective {
		fmt.Fprintln(&b, "took effect:", line)
	}
	for _, line := range r.Restart {
		fmt.Fprintln(&b, "needs a restart of the daemon:", line)
	}
	return b.String()
}

// reloader reads the daemon's settings again.
type reloader struct {
	reread    func() (*config.Config, error)
	started   *config.Config
	level     zap.AtomicLevel
	docker    *engine.Client
	server    *containerizer.Server
	collector *image.Collector
	logger    *zap.Logger

	mu  sync.Mutex     // held by a reload
	now *config.Config // what is in effect; guarded by mu
}

func (r *reloader) current() *config.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// reload puts what can change into effect. With an error, which is shown to a person, nothing has changed.
func (r *reloader) reload() (report reloadReport, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notify(systemd.Reloading())
	defer func() { r.notify(systemd.Ready()) }()
	defer func() {
		if err != nil {
			r.logger.Error("the settings were not reloaded, the old ones stay", zap.Error(err))
			return
		}
		r.logger.Info("settings reloaded", zap.Strings("effective", report.Effective), zap.Strings("restart", report.Restart))
	}()
	next, err := r.reread()
	if err != nil {
		return report, err
	}
	rules, err := newPolicy(next)
	if err != nil {
		return report, err
	}
	images := r.server.Options().Images
	if err := images.Change(dockerConfigs(next), next.ImageGCDelay > 0); err != nil {
		return report, err
	}
	if err := r.collector.Change(collectorOptions(next, r.docker, images, r.logger)); err != nil {
		return report, errors.Join(err, images.Change(dockerConfigs(r.now), r.now.ImageGCDelay > 0))
	}
	r.server.Options().Policy.Replace(rules)
	r.server.SetProgressInterval(next.PullProgressInterval)
	report = reportOf(r.now, next)
	r.now = r.started.WithLive(next)
	if len(report.Effective) > 0 { // before the level, which may hide the line about it
		r.level.SetLevel(next.LogLevel)
	}
	return report, nil
}

func reportOf(now, next *config.Config) (report reloadReport) {
	report = reloadReport{Effective: []string{}, Restart: []string{}}
	for _, d := range config.Differences(now, next) {
		line := fmt.Sprintf("%s=%s (from %s)", d.Name, cmp.Or(d.Other, notSet), d.OtherOrigin)
		if d.Live {
			report.Effective = append(report.Effective, line)
		} else {
			report.Restart = append(report.Restart, line)
		}
	}
	return report
}

func (r *reloader) notify(err error) {
	if err != nil {
		r.logger.Warn("systemd was not told", zap.Error(err))
	}
}

// reloadOnSignal reloads at each SIGHUP until ctx ends.
func (r *reloader) reloadOnSignal(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-signals:
			_, _ = r.reload() // it is in the log
		case <-ctx.Done():
			return
		}
	}
}

// handleAdmin reloads at POST /reload.
func (r *reloader) handleAdmin(mux *http.ServeMux) {
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) {
		report, err := r.reload()
		if err != nil {
			http.Error(w, "nothing was reloaded, the daemon keeps its settings: "+err.Error(), http.StatusConflict)
			return
		}
		answerJSON(w, report)
	})
}
