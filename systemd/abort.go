package systemd

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
)

// maxDump is far above the stacks of some thousand goroutines.
const maxDump = 64 << 20

// abortStatus is what a process is said to end with that SIGABRT has killed.
const abortStatus = 128 + int(syscall.SIGABRT)

// DumpOnAbort makes SIGABRT, with which a watchdog of systemd ends the daemon, write the stacks of all goroutines to the file at path,
// root's alone, and end the process. Go would write them to stderr: a thousand lines in the journal. told is called with what there
// is to say of it; if the dump takes too long, systemd kills the process (TimeoutAbortSec). The returned function takes it back.
func DumpOnAbort(path string, told func(text string)) (stop func()) {
	return dumpOnAbort(path, told, os.Exit)
}

func dumpOnAbort(path string, told func(text string), exit func(status int)) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGABRT)
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		select {
		case <-signals:
			text := "aborted; the stacks of all goroutines are in " + path
			if err := writeStacks(path); err != nil {
				text = fmt.Sprintf("aborted; the stacks of all goroutines could not be written: %v", err)
			}
			told(text)
			exit(abortStatus)
		case <-done:
		}
	})
	return func() {
		signal.Stop(signals)
		close(done)
		group.Wait()
	}
}

// writeStacks replaces the file.
func writeStacks(path string) error {
	buffer := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buffer, true)
		if n < len(buffer) || len(buffer) >= maxDump {
			buffer = buffer[:n]
			break
		}
		buffer = make([]byte, 2*len(buffer))
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(path, buffer, 0o600)
}
