package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

func memory(args []string) error {
	flags := flag.NewFlagSet("memory", flag.ContinueOnError)
	s := newStop(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("memory: a number of bytes is needed")
	}
	size, err := strconv.Atoi(flags.Arg(0))
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	b := make([]byte, size)
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 1
	}
	fmt.Printf("allocated %d bytes\n", size)
	err = s.wait(nil)
	runtime.KeepAlive(b)
	return err
}
