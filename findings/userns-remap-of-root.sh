#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# --userns-remap=root is taken and remaps nothing: processes in containers are the host's root. Yet the Engine refuses the host's
# network to containers "when user namespaces are enabled", and keeps its data in a directory 0.0.
#
# Seen:
#   uid_map in a container: 0 0 4294967295
#   name=userns in info's SecurityOptions: no
#   NetworkMode host: cannot share the host's network namespace when user namespaces are enabled
#   last part of DockerRootDir: 0.0
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

prepare() {
	echo root:300000:65536 >"$temp/subid"
	mount --bind "$temp/subid" /etc/subuid
	mount --bind "$temp/subid" /etc/subgid
}

finding() {
	local id info
	id=$(create '"Tty":true,"Cmd":["cat","/proc/self/uid_map"]')
	run "$id" >/dev/null
	expect "uid_map in a container" "$(api GET "/containers/$id/logs?stdout=1" | tr -d '\r' | xargs)" "0 0 4294967295"
	info=$(api GET /info)
	expect "name=userns in info's SecurityOptions" "$(grep -q 'name=userns' <<<"$info" && echo yes || echo no)" no
	expect "NetworkMode host" "$(api POST /containers/create '{"Image":"busybox","HostConfig":{"NetworkMode":"host"}}' | member message)" \
		"cannot share the host's network namespace when user namespaces are enabled"
	info=$(member DockerRootDir <<<"$info")
	expect "last part of DockerRootDir" "${info##*/}" 0.0
}

observe --userns-remap=root
