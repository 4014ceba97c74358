#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# A SIGKILL of dockerd can end in the middle of a write to the log of a container that lives on (live-restore). The next dockerd
# appends behind the half record. Readers then get status 200 and the records before it, without a word on those after, which are in the
# file, and so with json-file, too, whose records are lines. (With local and more records after it a message of the Engine's ends the
# stream, as a frame of a kind of its own.)
#
# Seen, of four lines, with the end of the second one's record cut off:
#   local: status 200, one
#   json-file: status 200, one
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

# seen ID prints the status, and which words the log has.
seen() {
	local status word all
	status=$(curl --silent --max-time 120 --unix-socket "$temp/docker.sock" --output "$temp/answer" --write-out '%{http_code}' \
		"http://engine/containers/$1/logs?stdout=1&stderr=1")
	all="status $status"
	for word in one two three four; do
		if grep -aq "$word" "$temp/answer"; then all+=", $word"; fi
	done
	echo "$all"
}

finding() {
	local driver id file size
	for driver in local json-file; do
		mkfifo "$temp/go.$driver"
		id=$(create '"Cmd":["sh","-c","echo one; echo two; read go </go; echo three; echo four"]' \
			"\"LogConfig\":{\"Type\":\"$driver\"},\"Binds\":[\"$temp/go.$driver:/go\"]")
		api POST "/containers/$id/start"
		file=$temp/data/containers/$id/$id-json.log
		[[ $driver == local ]] && file=$temp/data/containers/$id/local-logs/container.log
		until grep -aq two "$file" 2>/dev/null; do sleep 0.1; done
		kill -KILL "$engine"
		wait "$engine" 2>/dev/null || true
		size=$(stat -c %s "$file")
		truncate --size=$((size - 8)) "$file"
		rm -f "$temp/docker.pid"
		start --live-restore
		echo go >"$temp/go.$driver"
		api POST "/containers/$id/wait" >/dev/null
		expect "$driver" "$(seen "$id")" "status 200, one"
	done
}

observe --live-restore
