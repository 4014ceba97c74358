#!/usr/bin/env bash
# Docker Engine 20.10.24 with containerd 1.6.20 and runc 1.1.5, as Debian 12 has them; Engine 29.8 does likewise.
#
# A process lives until its last thread has ended, but in /proc/PID/stat and for ps it is a zombie as soon as its first thread has: the count
# of threads (field 20) tells the difference, and so does a pidfd, which becomes readable at the end of the process only. runc goes by the
# state: such a container is running for the Engine and stopped for runc. The Engine answers a signal with success, and it never comes.
#
# Seen:
#   state of the process: Z
#   threads beside the first: yes
#   the Engine says: running
#   a command in it: OCI runtime exec failed: exec failed: cannot exec in a stopped container
#   status of SIGTERM through the Engine: 204
#   did it come: no
#   did SIGTERM by kill come: yes
# shellcheck source=findings/lib.sh disable=SC2016,SC2119,SC2154
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

# The program says each signal that comes, and ends with the second.
prepare() {
	mkdir "$temp/program"
	cat >"$temp/program/main.go" <<-'END'
		package main

		import (
			"fmt"
			"os"
			"os/signal"
			"syscall"
		)

		func init() { // on the first thread
			signals := make(chan os.Signal, 1)
			signal.Notify(signals, syscall.SIGTERM)
			go func() {
				for range 2 {
					fmt.Println("signal:", <-signals)
				}
				os.Exit(0)
			}()
			syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
		}

		func main() {}
	END
	(cd "$temp/program" && GO111MODULE=off CGO_ENABLED=0 GOCACHE=$temp/cache go build -o program main.go)
}

finding() {
	local id pid state
	id=$(create '"Cmd":["/program/program"]' "\"Binds\":[\"$temp/program:/program\"]")
	api POST "/containers/$id/start"
	pid=$(api GET "/containers/$id/json" | member Pid)
	until state=$(cut -d ' ' -f 3 "/proc/$pid/stat") && [[ $state == Z ]]; do sleep 0.1; done
	expect "state of the process" "$state" Z
	expect "threads beside the first" "$([[ $(cut -d ' ' -f 20 "/proc/$pid/stat") -gt 1 ]] && echo yes || echo no)" yes
	expect "the Engine says" "$(api GET "/containers/$id/json" | member Status)" running
	local command
	command=$(api POST "/containers/$id/exec" '{"Cmd":["true"]}' | member Id)
	expect "a command in it" "$(api POST "/exec/$command/start" '{"Detach":true}' | member message | sed 's/: unknown//')" \
		"OCI runtime exec failed: exec failed: cannot exec in a stopped container"
	expect "status of SIGTERM through the Engine" "$(curl --silent --output /dev/null --write-out '%{http_code}' \
		--unix-socket "$temp/docker.sock" --request POST "http://engine/containers/$id/kill?signal=TERM")" 204
	sleep 2
	expect "did it come" "$(said "$id")" no
	kill -TERM "$pid"
	sleep 2
	expect "did SIGTERM by kill come" "$(said "$id")" yes
	kill -TERM "$pid"
}

# said tells whether the program has said that a signal came.
said() { api GET "/containers/$1/logs?stdout=1" | grep -q 'signal: terminated' && echo yes || echo no; }

observe
