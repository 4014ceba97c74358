#!/usr/bin/env bash
# Docker Engine 20.10.24 with containerd 1.6.20 and runc 1.1.5, as Debian 12 has them, built with Go 1.19.
#
# A container without ulimits does not get dockerd's own soft limit of open files. It gets the hard one as its soft limit: programs of
# Go 1.19 raise theirs at the start, and what they start inherits that. So LimitNOFILE=1024:524288 of a unit gives containers 524288,
# with which programs that close every possible descriptor are slow. (Engines built with a newer Go hand on what they were given.)
#
# Seen:
#   limits of dockerd when it was started: 2048 4096
#   limits in a container: 4096 4096
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

prepare() {
	ulimit -Sn 2048
	ulimit -Hn 4096
}

finding() {
	local id
	expect "limits of dockerd when it was started" "$(ulimit -Sn) $(ulimit -Hn)" "2048 4096"
	id=$(create '"Tty":true,"Cmd":["sh","-c","echo $(ulimit -Sn) $(ulimit -Hn)"]')
	run "$id" >/dev/null
	expect "limits in a container" "$(api GET "/containers/$id/logs?stdout=1" | tr -d '\r')" "4096 4096"
}

observe
