package cni

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// The program starts, ends by no signal that can be caught by default but by SIGKILL, and is whole for each processor.
func TestPauseProgram(t *testing.T) {
	for architecture, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		program, err := pauseProgram(architecture)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			t.Fatal(err)
		}
		if segment := parsed.Progs[0]; parsed.Machine != machine || parsed.Type != elf.ET_EXEC || segment.Flags != elf.PF_R|elf.PF_X ||
			segment.Filesz != uint64(len(program)) || parsed.Entry != segment.Vaddr+120 {
			t.Errorf("%s: %+v, %+v", architecture, parsed.FileHeader, segment)
		}
	}
	if _, err := pauseProgram("mips"); err == nil {
		t.Error("a program for a processor that is not known")
	}
}

func TestPauseImage(t *testing.T) {
	archive, err := PauseImage()
	if err != nil {
		t.Skipf("on %s: %v", runtime.GOARCH, err) // docs/cni.md says so
	}
	r := tar.NewReader(bytes.NewReader(archive))
	header, err := r.Next()
	if err != nil || "/"+header.Name != PauseProgram {
		t.Fatalf("%+v, %v", header, err)
	}
	program, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pause")
	if err := os.WriteFile(file, program, 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(file)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	// SIGCONT interrupts the call, after which it waits on.
	for _, s := range []syscall.Signal{syscall.SIGCONT, syscall.SIGURG, syscall.SIGKILL} {
		if err := command.Process.Signal(s); err != nil {
			t.Errorf("%v: %v", s, err)
		}
	}
	command.Wait()
	if status := command.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v", command.ProcessState)
	}
}
