#!/usr/bin/env bash
# Docker Engine 29.8 (github.com/moby/moby/v2 v2.0.0-beta.24) with runc 1.5.1, beside Engine 26.1.5 as Debian 13 has it with
# runc 1.1.5, both with containerd 1.7.24.
#
# A start that fails since something on the host has the port can be made again, and one expects the same answer as long as the port is
# taken. Engine 26 gives it. Engine 29 carries the second start out, without a word: the container runs, and none of its ports is published.
# So a client that repeats a start after a status of 500 has to look at NetworkSettings.Ports.
#
# Seen:
#   26: first start: 500
#   26: second start: 500
#   26: it runs: false
#   29: first start: 500
#   29: second start: 204
#   29: it runs: true
#   29: its published ports: {}
suites="trixie bookworm"
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119,SC2154
source "$(dirname "$0")/lib.sh"
packages=(docker.io=26.1.5+dfsg1-9+deb13u1+b1 containerd=1.7.24~ds1-6+deb13u1 runc=1.1.5+ds1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1)
flags=(--bridge= --bip=172.31.251.1/24)

# twice ENGINE starts a container two times whose host port is taken.
twice() {
	local id try
	id=$(api POST /containers/create \
		'{"Image":"busybox","Cmd":["sleep","1000"],"ExposedPorts":{"80/tcp":{}},"HostConfig":{"SecurityOpt":["seccomp=unconfined"],"PortBindings":{"80/tcp":[{"HostPort":"5555"}]}}}' | member Id)
	for try in first second; do
		seen[$try]=$(curl --silent --max-time 120 --unix-socket "$temp/docker.sock" --request POST --output /dev/null --write-out '%{http_code}' \
			"http://engine/containers/$id/start")
	done
	inspected=$(api GET "/containers/$id/json")
	expect "$1: first start" "${seen[first]}" 500
}

finding() {
	declare -A seen
	local inspected
	"$temp/root/bin/busybox" httpd -f -p 5555 &
	twice 26
	expect '26: second start' "${seen[second]}" 500
	expect '26: it runs' "$(member Running <<<"$inspected")" false
	stop
	PATH=$NEWER:$PATH
	start "${flags[@]}" --data-root "$temp/newer"
	rm -rf "$temp/image"
	image
	twice 29
	expect '29: second start' "${seen[second]}" 204
	expect '29: it runs' "$(member Running <<<"$inspected")" true
	expect '29: its published ports' "$(grep -o '"Ports":{[^}]*}' <<<"$inspected" | cut -d : -f 2-)" '{}'
}

if [[ ${FINDING_TEMP-} ]]; then
	observe "${flags[@]}"
	exit
fi
# Here there is a network still.
NEWER=$(mktemp --directory)
export NEWER
trap 'rm -rf "$NEWER"' EXIT
"$(dirname "$0")/../test/environment/install-missing" gcc
export GOBIN=$NEWER GOFLAGS='-trimpath -modcacherw'
CGO_ENABLED=0 go install github.com/moby/moby/v2/cmd/{dockerd,docker-proxy}@v2.0.0-beta.24
CGO_ENABLED=1 go install github.com/opencontainers/runc@v1.5.1
status=0
(observe "${flags[@]}") || status=$?
exit "$status"
