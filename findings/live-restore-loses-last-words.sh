#!/usr/bin/env bash
# Docker Engine 20.10.24 with containerd 1.6.20, as Debian 12 has them.
#
# With live-restore a container's output waits in a pipe while dockerd is away. What a container that runs on has written there is
# logged when dockerd is back. What one that ends meanwhile has written there is in no log, though its exit status is known.
#
# Seen:
#   the exit status of a container that ended while dockerd was away: 3
#   what it wrote before dockerd left is in the log: yes
#   what it wrote while dockerd was away is in the log: no
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

finding() {
	local id shared=$temp/shared
	mkdir "$shared"
	id=$(create '"Cmd":["sh","-c","echo first words; until [ -e /shared/away ]; do sleep 0.05; done; echo last words; touch /shared/written; exit 3"]' \
		"\"Binds\":[\"$shared:/shared\"]")
	api POST "/containers/$id/start"
	until logs "$id" | grep -q 'first words'; do sleep 0.1; done
	stop
	touch "$shared/away"
	until [[ -e $shared/written ]]; do sleep 0.1; done
	while grep -qs "$id" /proc/[0-9]*/cgroup; do sleep 0.1; done # until its processes are gone
	start --live-restore
	until [[ $(api GET "/containers/$id/json" | member Running) == false ]]; do sleep 0.1; done
	expect 'the exit status of a container that ended while dockerd was away' "$(api GET "/containers/$id/json" | member ExitCode)" 3
	expect 'what it wrote before dockerd left is in the log' "$(logs "$id" | grep -q 'first words' && echo yes || echo no)" yes
	expect 'what it wrote while dockerd was away is in the log' "$(logs "$id" | grep -q 'last words' && echo yes || echo no)" no
}

logs() { api GET "/containers/$1/logs?stdout=1" | tr -d '\0'; }

observe --live-restore
