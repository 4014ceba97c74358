#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# A container in the network of another ("container:ID") goes on when that other is removed: it keeps the network namespace, and its
# /etc/hosts, whose file the Engine has deleted. But from then on the Engine's statistics of it, answered with status 200, are empty, also
# of memory and processes. And a restart kills its process before the Engine notices that it cannot be started again.
#
# Seen:
#   processes by its statistics, before: 1
#   network namespace after the other is removed: the same
#   lines with the other's extra host: 1
#   its file /etc/hosts on the host: deleted
#   status of its statistics: 200
#   processes by its statistics: none
#   it runs: true
#   status of a restart: 500
#   it runs: false
#   its ExitCode: 137
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119,SC2154
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

stats() { api GET "/containers/$1/stats?stream=false&one-shot=true"; }

processes() {
	local text
	text=$(stats "$1")
	if [[ $text =~ \"pids_stats\":\{\"current\":([0-9]+)\} ]]; then echo "${BASH_REMATCH[1]}"; else echo none; fi
}

# status METHOD PATH prints the status of the answer.
status() {
	curl --silent --max-time 120 --unix-socket "$temp/docker.sock" --request "$1" --output /dev/null --write-out '%{http_code}' "http://engine$2"
}

finding() {
	local holder task pid namespace
	holder=$(create '"Cmd":["sleep","1000"]' '"ExtraHosts":["other:192.0.2.7"]')
	api POST "/containers/$holder/start"
	task=$(create '"Cmd":["sleep","1000"]' "\"NetworkMode\":\"container:$holder\"")
	api POST "/containers/$task/start"
	pid=$(api GET "/containers/$task/json" | member Pid)
	namespace=$(readlink "/proc/$pid/ns/net")
	expect 'processes by its statistics, before' "$(processes "$task")" 1
	api DELETE "/containers/$holder?force=true"
	expect 'network namespace after the other is removed' \
		"$([[ $(readlink "/proc/$pid/ns/net") == "$namespace" ]] && echo the same || echo another)" 'the same'
	expect "lines with the other's extra host" "$(nsenter --target "$pid" --mount --root -- /bin/busybox grep -c other /etc/hosts)" 1
	expect 'its file /etc/hosts on the host' "$(grep -q '//deleted /etc/hosts ' "/proc/$pid/mountinfo" && echo deleted || echo there)" deleted
	expect 'status of its statistics' "$(status GET "/containers/$task/stats?stream=false&one-shot=true")" 200
	expect 'processes by its statistics' "$(processes "$task")" none
	expect 'it runs' "$(api GET "/containers/$task/json" | member Running)" true
	expect 'status of a restart' "$(status POST "/containers/$task/restart?t=0")" 500
	expect 'it runs' "$(api GET "/containers/$task/json" | member Running)" false
	expect 'its ExitCode' "$(api GET "/containers/$task/json" | member ExitCode)" 137
}

observe
