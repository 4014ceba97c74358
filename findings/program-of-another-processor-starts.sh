#!/usr/bin/env bash
# Docker Engine 20.10.24 with runc 1.1.5, as Debian 12 has them.
#
# A container whose program is made for another processor is started: the Engine answers the start with success and announces it,
# and State.Error stays empty. The container ends with exit code 1, like a program that has failed, and "exec format error" is in
# the container's own standard error only. A program that is missing fails the start, with exit code 127.
#
# Seen (status is that of HTTP):
#   start of a program of another processor, status: 204
#   its exit code: 1
#   its State.Error: ""
#   its State.StartedAt is set: yes
#   "exec format error" in its standard error: yes
#   start of a program that is missing, status: 400
#   its exit code: 127
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

# foreign adds /bin/foreign to the image's folder: busybox that says, in e_machine of its ELF header, to be for another processor.
foreign() {
	cp "$temp/image/bin/busybox" "$temp/foreign"
	local machine='\267\0'
	[[ $(uname -m) == aarch64 ]] && machine='\076\0'
	# shellcheck disable=SC2059
	printf "$machine" | dd of="$temp/foreign" bs=1 seek=18 conv=notrunc status=none
}

status() { curl --silent --output /dev/null --write-out '%{http_code}' --unix-socket "$temp/docker.sock" --request POST "http://engine$1"; }

finding() {
	foreign
	local id
	id=$(create '"Cmd":["/foreign"]' "\"Binds\":[\"$temp/foreign:/foreign\"]")
	expect "start of a program of another processor, status" "$(status "/containers/$id/start")" 204
	expect "its exit code" "$(api POST "/containers/$id/wait" | member StatusCode)" 1
	expect "its State.Error" "$(api GET "/containers/$id/json" | grep -o '"Error":"[^"]*"' | cut -d : -f 2)" '""'
	expect "its State.StartedAt is set" "$(api GET "/containers/$id/json" | member StartedAt | grep -q ^0001 && echo no || echo yes)" yes
	expect '"exec format error" in its standard error' "$(api GET "/containers/$id/logs?stderr=1" | tr -d '\0' | grep -q 'exec format error' && echo yes || echo no)" yes
	id=$(create '"Cmd":["/missing"]')
	expect "start of a program that is missing, status" "$(status "/containers/$id/start")" 400
	expect "its exit code" "$(api GET "/containers/$id/json" | member ExitCode)" 127
}

observe
