#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# State.OOMKilled does not say that a container ended for want of memory. It says that some process in it was killed for memory at
# some time, also where the first process went on and ended with status 0. (Nor is its absence a proof: the Engine is told of the kill and
# of the end in two ways, and where they are close to each other the end may come first.)
#
# Seen:
#   exit status of a shell whose child was killed for memory, and which ends with 0: 0
#   OOMKilled of its container: true
#   exit status of a shell whose child was killed for memory, and which ends with 3: 3
#   OOMKilled of its container: true
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

finding() {
	local id status
	for status in 0 3; do
		id=$(create "\"Cmd\":[\"sh\",\"-c\",\"tail -c 200m /dev/zero >/dev/null; sleep 2; exit $status\"]" '"Memory":33554432,"MemorySwap":33554432')
		expect "exit status of a shell whose child was killed for memory, and which ends with $status" "$(run "$id")" "$status"
		expect "OOMKilled of its container" "$(api GET "/containers/$id/json" | member OOMKilled)" true
	done
}

observe
