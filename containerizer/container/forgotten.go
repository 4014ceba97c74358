package container

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/moby/sys/signal"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/pidfd"
)

// ForgottenError says that the Engine does not know a container any more whose process ran on. An Engine that was rolled back to an
// older one, or told to use another image store, does so. The process has ended since.
type ForgottenError struct {
	Stopped bool // it was told to
}

func (e *ForgottenError) Error() string {
	const text = "the Docker Engine does not know the container any more, though its process ran on, as after a rollback of the Engine; the process "
	if e.Stopped {
		return text + "was stopped"
	}
	return text + "has ended"
}

// notFound takes the answer that there is no such container. It has not ended as long as its process runs; it is stopped then, unless
// the Engine knows it again.
func (w *wait) notFound(ctx context.Context, a answer) error {
	w.findProcess(ctx)
	switch ended := w.process.Load().Ended(); {
	case ended && w.absent.IsZero():
		return ErrVanished
	case ended:
		killAll(w.id, w.options.Logger) // what is left of it
		return &ForgottenError{Stopped: w.letGo != nil || w.StopOrdered()}
	}
	if w.absent.IsZero() {
		w.absent = time.Now()
	}
	w.interval = askInterval
	if time.Since(w.absent) >= askInterval && w.letGo == nil && !w.StopOrdered() {
		w.options.Logger.Warn("the Engine does not know a container whose process runs; stopping the process",
			zap.String("container", w.id), zap.Duration("grace", w.options.StopGrace))
		var stopping context.Context
		stopping, w.letGo = context.WithCancel(ctx)
		process := w.process.Load()
		w.group.Go(func() { stopPast(stopping, process, w.id, w.stopSignal, w.options.StopGrace, w.options.Logger) })
	}
	if a.found == nil {
		w.ask(ctx, askInterval)
	}
	return nil
}

// known notes that the Engine knows the container, perhaps again.
func (w *wait) known() {
	if !w.absent.IsZero() {
		w.options.Logger.Warn("the Engine knows the container again")
	}
	w.absent = time.Time{}
	if w.letGo != nil {
		w.letGo()
		w.letGo = nil
	}
}

// stopPast stops a container past an Engine that does not know it, until ctx ends. The stop signal is SIGTERM if it is not known.
func stopPast(ctx context.Context, process *pidfd.Process, id, stopSignal string, grace time.Duration, logger *zap.Logger) {
	number, err := signal.ParseSignal(stopSignal)
	if err != nil {
		number = syscall.SIGTERM
	}
	if err := process.Signal(unix.Signal(number)); err != nil {
		logger.Warn("the container's process cannot be signalled", zap.Error(err))
	}
	for wait := grace; Pause(ctx, wait) == nil; wait = killRepeat {
		killAll(id, logger)
	}
}

// killAll sends SIGKILL to all processes of a container, past the Engine.
func killAll(id string, logger *zap.Logger) {
	if err := pidfd.KillContainer(id); err != nil {
		logger.Warn("processes of a container cannot be killed", zap.String("container", id), zap.Error(err))
	}
}

// stopForgotten stops a container past an Engine that does not know it, if it runs.
func (r *Removal) stopForgotten(ctx context.Context) {
	process, err := pidfd.FindContainer(r.ID)
	if err != nil {
		return // it has ended
	}
	defer process.Close()
	stopping, end := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer end()
	watcher.Go(func() {
		_ = process.Wait(stopping)
		end()
	})
	r.Logger.Warn("the Engine does not know a container whose process runs; stopping the process", zap.String("container", r.ID))
	stopPast(stopping, process, r.ID, "", r.Grace, r.Logger)
	if ctx.Err() == nil {
		r.Stopped()
	}
}
