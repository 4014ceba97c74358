#!/usr/bin/env bash
# The CDI library tags.cncf.io/container-device-interface 1.1.1, by which Docker Engine, containerd and others read CDI files.
#
# One mistake in one device of a file takes every device of that file away, the right ones too. A device that two files of one directory
# describe is in neither, also when both say the same, and all other devices of both stay. The list of devices does not tell of it, and
# who asks for such a device hears that it does not exist.
#
# Seen:
#   a file with a right and a wrong device, and another file: test.example/other=one
#   one device in two files, one of which has a second: test.example/twice=second
# shellcheck source=findings/lib.sh
source "$(dirname "$0")/lib.sh"

program tags.cncf.io/container-device-interface/pkg/cdi@v1.1.1 <<'END'
package main

import (
	"fmt"
	"os"
	"strings"

	"tags.cncf.io/container-device-interface/pkg/cdi"
)

func main() {
	cache, err := cdi.NewCache(cdi.WithSpecDirs(os.Args[1]), cdi.WithAutoRefresh(false))
	if err != nil {
		panic(err)
	}
	_ = cache.Refresh() // tells of the mistakes
	fmt.Println(strings.Join(cache.ListDevices(), " "))
}
END

# file NAME KIND DEVICE=VARIABLE... writes a CDI file.
file() {
	local name=$1 kind=$2 devices='' device
	shift 2
	for device in "$@"; do
		devices+="${devices:+,}{\"name\":\"${device%%=*}\",\"containerEdits\":{\"env\":[\"${device#*=}\"]}}"
	done
	mkdir -p "$(dirname "$name")"
	echo "{\"cdiVersion\":\"0.6.0\",\"kind\":\"$kind\",\"devices\":[$devices]}" >"$name"
}

file a/mixed.json test.example/mixed right=A=1 wrong=novalue
file a/other.json test.example/other one=A=1
expect "a file with a right and a wrong device, and another file" "$(./program a)" test.example/other=one

file b/one.json test.example/twice first=A=1
file b/two.json test.example/twice first=A=1 second=A=1
expect "one device in two files, one of which has a second" "$(./program b)" test.example/twice=second
