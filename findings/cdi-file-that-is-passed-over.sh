#!/usr/bin/env bash
# The CDI library tags.cncf.io/container-device-interface 1.1.1, by which Docker Engine, containerd and others read CDI files.
#
# A file of YAML whose name ends in .yml is passed over: its devices are not there, and there is no error. Only .yaml and .json count. Nor is
# a directory that does not exist an error, so a mistake in its name looks like a host without devices.
#
# Two names of one device are given to one container without a word, too. It has the device and its mount once, and the rule of the
# device cgroup and the hook twice: hooks run once for each name.
#
# Seen:
#   a file test.yaml: test.example/gpu=0 test.example/gpu=GPU-a; 0 errors
#   the same file as test.yml: no devices; 0 errors
#   a directory that is not there: no devices; 0 errors
#   both names of the device in one container: 1 devices, 1 mounts, 2 rules, 2 hooks
# shellcheck source=findings/lib.sh
source "$(dirname "$0")/lib.sh"

program tags.cncf.io/container-device-interface/pkg/cdi@v1.1.1 github.com/opencontainers/runtime-spec/specs-go@v1.3.0 <<'END'
package main

import (
	"fmt"
	"os"
	"strings"

	oci "github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/cdi"
)

func main() {
	cache, err := cdi.NewCache(cdi.WithSpecDirs(os.Args[1]), cdi.WithAutoRefresh(false))
	if err != nil {
		panic(err)
	}
	err = cache.Refresh() // tells of the mistakes
	devices := cache.ListDevices()
	if len(os.Args) == 2 {
		list := strings.Join(devices, " ")
		if list == "" {
			list = "no devices"
		}
		fmt.Printf("%s; %d errors\n", list, len(cache.GetErrors()))
		return
	}
	spec := new(oci.Spec)
	if _, err = cache.InjectDevices(spec, devices...); err != nil {
		panic(err)
	}
	fmt.Printf("%d devices, %d mounts, %d rules, %d hooks\n", len(spec.Linux.Devices), len(spec.Mounts), len(spec.Linux.Resources.Devices), len(spec.Hooks.CreateContainer))
}
END

mkdir yaml yml
cat >yaml/test.yaml <<'END'
cdiVersion: 0.6.0
kind: test.example/gpu
devices:
- name: "0"
  containerEdits: &edits
    deviceNodes: [{path: /dev/null}]
    mounts: [{hostPath: /etc, containerPath: /given}]
    hooks: [{hookName: createContainer, path: /bin/true}]
- name: GPU-a
  containerEdits: *edits
END
cp yaml/test.yaml yml/test.yml
expect "a file test.yaml" "$(./program yaml)" "test.example/gpu=0 test.example/gpu=GPU-a; 0 errors"
expect "the same file as test.yml" "$(./program yml)" "no devices; 0 errors"
expect "a directory that is not there" "$(./program nosuch)" "no devices; 0 errors"
expect "both names of the device in one container" "$(./program yaml inject)" "1 devices, 1 mounts, 2 rules, 2 hooks"
