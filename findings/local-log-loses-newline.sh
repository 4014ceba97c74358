#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# The log driver local splits a line over 16 KiB into records, as json-file does, but gives the last of them without the newline: what
# the container writes next follows on the same line. An attach to the same container has the newline. So a program that compares what an
# attach delivered with the log, to go on after a restart of dockerd, is off by a byte for each such line. (26.1.5 gives it.)
#
# Seen:
#   newlines in the output as an attach delivers it: 2
#   newlines in the log of json-file: 2
#   newlines in the log of local: 1
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

# The sizes in the frames' headers have no byte that is a newline.
newlines() { tr -cd '\n' | wc -c; }

finding() {
	local id
	id=$(create '"Cmd":["sh","-c","printf %040000d 0; echo; echo end"]' '"LogConfig":{"Type":"local"}')
	api POST "/containers/$id/attach?stream=1&stdout=1" >"$temp/attached" &
	local attached=$!
	until grep -q "/containers/$id/attach" "$temp/log"; do sleep 0.1; done # --debug has each call
	run "$id" >/dev/null
	wait "$attached"
	expect "newlines in the output as an attach delivers it" "$(newlines <"$temp/attached")" 2
	local of_local=$id
	id=$(create '"Cmd":["sh","-c","printf %040000d 0; echo; echo end"]' '"LogConfig":{"Type":"json-file"}')
	run "$id" >/dev/null
	expect "newlines in the log of json-file" "$(api GET "/containers/$id/logs?stdout=1" | newlines)" 2
	expect "newlines in the log of local" "$(api GET "/containers/$of_local/logs?stdout=1" | newlines)" 1
}

observe --debug
