#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# "docker wait" of a container that was created and never started does not wait. It answers at once with status 0, as if the
# container had run and ended well. Whether a status is one can be told by State.StartedAt only.
#
# Seen:
#   answer to wait of a created container: {"Error":null,"StatusCode":0}
#   its StartedAt: 0001-01-01T00:00:00Z
#   its Status: created
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

finding() {
	local id
	id=$(create '"Cmd":["sh","-c","exit 3"]')
	expect "answer to wait of a created container" "$(api POST "/containers/$id/wait")" '{"Error":null,"StatusCode":0}'
	expect "its StartedAt" "$(api GET "/containers/$id/json" | member StartedAt)" 0001-01-01T00:00:00Z
	expect "its Status" "$(api GET "/containers/$id/json" | member Status)" created
}

observe
