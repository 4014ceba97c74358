#!/usr/bin/env bash
# Docker Engine 26.1.5 with containerd 1.7.24, as Debian 13 has them, and runc 1.1.5.
#
# The event "stop" comes before "die", not after it. Engine 20.10 tells of them in the other order. Who takes "stop" for the last event of
# a container, as the older order suggests, has ended before the event that carries the exit status.
#
# Seen:
#   events of a stop: kill stop die
suites="trixie bookworm"
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=(docker.io=26.1.5+dfsg1-9+deb13u1+b1 containerd=1.7.24~ds1-6+deb13u1 runc=1.1.5+ds1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1)

finding() {
	local id try
	for try in 1 2 3 4 5; do
		id=$(create '"Cmd":["sh","-c","trap \"exit 3\" TERM; while :; do sleep 0.1; done"]')
		api POST "/containers/$id/start"
		sleep 1
		api POST "/containers/$id/stop?t=10"
		expect "events of a stop" "$(api GET "/events?since=0&until=$(($(date +%s) + 1))&filters=%7B%22container%22%3A%5B%22$id%22%5D%7D" |
			grep -o '"Action":"[a-z]*"' | cut -d '"' -f 4 | grep -v -e create -e start | xargs)" "kill stop die"
	done
}

observe
