package testimage

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// probePackage is the import path of the program in the images.
const probePackage = "mesos-docker-containerizer/test/environment/probe"

// Base makes the layer with busybox, its applets, the probe and the users. It needs the go command and a working directory
// within the module, and takes a second or two: call it once.
func Base() ([]byte, error) {
	busybox, applets, err := readBusybox()
	if err != nil {
		return nil, err
	}
	program, err := buildProbe()
	if err != nil {
		return nil, err
	}
	entries := []entry{
		{name: "bin", mode: 0o755, dir: true},
		{name: "bin/busybox", mode: 0o755, content: busybox},
		{name: "bin/probe", mode: 0o755, content: program},
		{name: "etc", mode: 0o755, dir: true},
		{name: "etc/passwd", mode: 0o644, content: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"},
		{name: "etc/group", mode: 0o644, content: "root:x:0:\napp:x:1000:\nextra:x:2000:app\nnogroup:x:65534:\n"},
		{name: "root", mode: 0o700, dir: true},
		{name: "tmp", mode: 0o1777, dir: true},
		{name: "usr", mode: 0o755, dir: true},
		{name: "usr/bin", mode: 0o755, dir: true},
		{name: "usr/bin/env", link: "/bin/busybox"},
	}
	for _, applet := range applets {
		if applet != "busybox" {
			entries = append(entries, entry{name: "bin/" + applet, link: "busybox"})
		}
	}
	return layer(entries)
}

func readBusybox() (program string, applets []string, err error) {
	where, err := exec.LookPath("busybox")
	if err != nil {
		return "", nil, fmt.Errorf("%w: install busybox-static, from which test images are built", err)
	}
	if program, err = readStatic(where); err != nil {
		return "", nil, fmt.Errorf("%w: install busybox-static in its place", err)
	}
	list, err := exec.Command(where, "--list").Output()
	if err != nil {
		return "", nil, fmt.Errorf("%s --list: %w", where, err)
	}
	return program, strings.Fields(string(list)), nil
}

func buildProbe() (string, error) {
	dir, err := os.MkdirTemp("", "probe-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "probe")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, probePackage)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", probePackage, err, text)
	}
	return readStatic(out)
}

// readStatic reads a program that runs without any library of the machine.
func readStatic(name string) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	program, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%s is linked dynamically and would not run in an image without libraries", name)
		}
	}
	return string(b), nil
}
