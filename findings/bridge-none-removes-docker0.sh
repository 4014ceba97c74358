#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# A dockerd that is told to use no bridge (--bridge=none) removes the interface docker0 when it starts, also one that another program made. Started
# beside another dockerd, with directories and a socket of its own, it takes that one's bridge away: no container of the other can
# be started on the default network any more.
#
# Seen:
#   docker0 while the first dockerd is alone: there
#   docker0 after a second was started with --bridge=none: gone
#   start on the first one's default network now fails: yes
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

docker0() { grep -q docker0: /proc/net/dev && echo there || echo gone; }

finding() {
	expect "docker0 while the first dockerd is alone" "$(docker0)" there
	(
		first=$temp
		temp=$first/second
		mkdir "$temp"
		start --bridge=none
		stop
	)
	expect "docker0 after a second was started with --bridge=none" "$(docker0)" gone
	local id
	id=$(api POST /containers/create '{"Image":"busybox","Cmd":["true"]}' | member Id)
	expect "start on the first one's default network now fails" "$(api POST "/containers/$id/start" | grep -q docker0 && echo yes || echo no)" yes
}

observe --bridge= --bip=172.31.250.1/24
