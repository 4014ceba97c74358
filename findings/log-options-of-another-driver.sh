#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# The daemon's log options go with its default log driver. A container that names another driver gets none of them, also where the
# option has the same name and meaning there: with log-driver local and max-size=1m, one that names json-file has a log without bound.
#
# Seen:
#   log options of a container that names no driver: {"max-size":"1m"}
#   log options of one that names json-file: {}
#   the log of the latter after 4 MiB of output is larger than 4 MiB: yes
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

options() { api GET "/containers/$1/json" | grep -o '"LogConfig":{"Type":"[^"]*","Config":{[^}]*}' | sed 's/.*"Config"://'; }

finding() {
	local id size
	id=$(create '"Cmd":["true"]')
	expect "log options of a container that names no driver" "$(options "$id")" '{"max-size":"1m"}'
	id=$(create '"Cmd":["sh","-c","yes 012345678901234567890123456789012345678901234567890123456789 | head -c 4194304"]' '"LogConfig":{"Type":"json-file"}')
	expect "log options of one that names json-file" "$(options "$id")" '{}'
	run "$id" >/dev/null
	size=$(stat -c %s "$temp/data/containers/$id/$id-json.log")
	expect "the log of the latter after 4 MiB of output is larger than 4 MiB" "$( ((size > 4194304)) && echo yes || echo "no, $size bytes")" yes
}

observe --log-driver=local --log-opt=max-size=1m
