#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# A log driver that does not exist is refused only after some 15 seconds: the Engine takes it for a plugin, and looks for that again and
# again before it answers. A client with a shorter time limit for a create sees a hung Engine and not a mistake of its own.
#
# Seen:
#   answer: {"message":"error looking up logging plugin nosuch: plugin \"nosuch\" not found"}
#   it took 10 seconds or more: yes
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

finding() {
	local began=$SECONDS said
	said=$(api POST /containers/create '{"Image":"busybox","Cmd":["true"],"HostConfig":{"NetworkMode":"none","LogConfig":{"Type":"nosuch"}}}')
	expect "answer" "$said" '{"message":"error looking up logging plugin nosuch: plugin \"nosuch\" not found"}'
	expect "it took 10 seconds or more" "$( ((SECONDS - began >= 10)) && echo yes || echo no)" yes
}

observe
