#!/usr/bin/env bash
# Docker Engine 20.10.24 with containerd 1.6.20, as Debian 12 has them.
#
# With live-restore containers run on while dockerd is down, but not those that write: nobody reads the pipe of their output, and when
# its 64 KiB are full the next write waits until dockerd is back. A server that logs each request stands still during an upgrade.
#
# Seen:
#   lines of 1 KiB that a container wrote while dockerd was away for 5 s are at most 64: yes
#   the container goes on when dockerd is back: yes
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

finding() {
	local id counted=$temp/counted before after now
	mkdir "$counted"
	id=$(create '"Cmd":["sh","-c","line=$(head -c 1023 /dev/zero | tr \"\\\\0\" x); i=0; while :; do echo $line; i=$((i+1)); echo $i >/counted/n; done"]' "\"Binds\":[\"$counted:/counted\"]")
	api POST "/containers/$id/start"
	until [[ -s $counted/n ]]; do sleep 0.1; done
	stop
	before=$(lines)
	sleep 5
	after=$(lines)
	say "lines written while dockerd was away: $((after - before))"
	expect "lines of 1 KiB that a container wrote while dockerd was away for 5 s are at most 64" "$( ((after - before <= 64)) && echo yes || echo no)" yes
	start --live-restore
	sleep 2
	now=$(lines)
	expect "the container goes on when dockerd is back" "$( ((now > after + 64)) && echo yes || echo no)" yes
	api POST "/containers/$id/kill"
}

# lines is the count that was written last; the file is empty for a moment at each write.
lines() {
	local n=
	until [[ $n ]]; do n=$(cat "$temp/counted/n"); done
	echo "$n"
}

observe --live-restore
