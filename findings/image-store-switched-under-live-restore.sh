#!/usr/bin/env bash
# Docker Engine 26.1.5 with containerd 1.7.24, as Debian 13 has them, and runc 1.1.5.
#
# A dockerd knows only the containers that were made with the image store that it is started with. Restarted with live-restore and the other
# store (the feature containerd-snapshotter, which Engine 29 has on by default on a new host) it lists nothing and answers 404, while the
# processes run on and hold their ports and files. So a 404 does not say that a container has ended. With the first store it is back,
# running.
#
# Seen:
#   the container's processes before: 1
#   inspect with the other store: 404
#   containers listed: 0
#   the container's processes meanwhile: 1
#   inspect with the first store again: running
suites="trixie bookworm"
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=(docker.io=26.1.5+dfsg1-9+deb13u1+b1 containerd=1.7.24~ds1-6+deb13u1 runc=1.1.5+ds1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1)

finding() {
	local id
	id=$(create '"Cmd":["sleep","4711"]')
	api POST "/containers/$id/start"
	expect "the container's processes before" "$(processes)" 1
	restart false
	expect "inspect with the other store" "$(curl --silent --output /dev/null --write-out '%{http_code}' --unix-socket "$temp/docker.sock" "http://engine/containers/$id/json")" 404
	expect "containers listed" "$(api GET '/containers/json?all=1' | grep -o '"Id"' | wc -l)" 0
	expect "the container's processes meanwhile" "$(processes)" 1
	restart true
	expect "inspect with the first store again" "$(api GET "/containers/$id/json" | member Status)" running
	api DELETE "/containers/$id?force=1"
}

# processes counts those of the container.
processes() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -c '^sleep 4711 $\|sleep 4711 ' || true; }

# restart VALUE restarts dockerd with or without containerd's store.
restart() {
	stop
	echo "{\"features\":{\"containerd-snapshotter\":$1}}" >"$temp/store.json"
	start --live-restore --config-file "$temp/store.json"
}

prepare() { echo '{"features":{"containerd-snapshotter":true}}' >"$temp/store.json"; }

# shellcheck disable=SC2154
temp=${FINDING_TEMP-} # where "observe" has it
observe --live-restore --config-file "$temp/store.json"
