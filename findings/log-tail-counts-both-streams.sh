#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# The parameter "tail" of a container's log, and so "docker logs --tail", counts the lines of standard output and standard error together,
# also where only one of them is asked for: the other's are left out after they were counted. A request for the last line of standard
# output gets nothing if the last line of all went to standard error.
#
# Seen, of a container that wrote "out" once and then "err" three times:
#   local, the last line of stdout: nothing
#   local, the last three of stdout: nothing
#   local, the last four of stdout: out
#   json-file, the last line of stdout: nothing
#   json-file, the last three of stdout: nothing
#   json-file, the last four of stdout: out
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

# last N ID prints the last N lines of a container's standard output.
last() {
	local text
	text=$(api GET "/containers/$2/logs?stdout=1&tail=$1" | tr -cd '[:lower:]')
	echo "${text:-nothing}"
}

finding() {
	local driver id
	for driver in local json-file; do
		id=$(create '"Cmd":["sh","-c","echo out; sleep 0.5; for i in 1 2 3; do echo err >&2; done"]' "\"LogConfig\":{\"Type\":\"$driver\"}")
		run "$id" >/dev/null
		expect "$driver, the last line of stdout" "$(last 1 "$id")" nothing
		expect "$driver, the last three of stdout" "$(last 3 "$id")" nothing
		expect "$driver, the last four of stdout" "$(last 4 "$id")" out
	done
}

observe
