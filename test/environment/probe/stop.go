package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stop says how a command that stays reacts to SIGTERM and its kin. It must be made before the command says that it is ready: the first
// process of a container ignores signals that it has no handler for.
type stop struct {
	behaviour string
	code      int
	signals   chan os.Signal
}

func newStop(flags *flag.FlagSet) *stop {
	s := &stop{signals: make(chan os.Signal, 16)}
	flags.StringVar(&s.behaviour, "term", "exit", `what SIGTERM does: "exit", "ignore" or a duration after which to exit`)
	flags.IntVar(&s.code, "term-code", 0, "exit code after SIGTERM")
	signal.Notify(s.signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	return s
}

// wait returns when a signal or an error ends the command.
func (s *stop) wait(failed <-chan error) error {
	var delay time.Duration
	if s.behaviour != "exit" && s.behaviour != "ignore" {
		d, err := time.ParseDuration(s.behaviour)
		if err != nil {
			return fmt.Errorf("-term: %w", err)
		}
		delay = d
	}
	var expired <-chan time.Time
	for {
		select {
		case err := <-failed:
			return err
		case sig := <-s.signals:
			fmt.Println("received", sig)
			if s.behaviour != "ignore" && expired == nil {
				expired = time.After(delay)
			}
		case <-expired:
			return exitCode(s.code)
		}
	}
}

func hold(args []string) error {
	flags := flag.NewFlagSet("hold", flag.ContinueOnError)
	s := newStop(flags)
	first := flags.Bool("end-first-thread", false, "hold in other threads than the first, which ends")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fmt.Println("holding")
	if *first {
		go func() { end(s.wait(nil)) }()
		_, _, _ = syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0) // of the thread alone
	}
	return s.wait(nil)
}
