#!/usr/bin/env bash
# Docker Engine 26.1.5 as Debian 13 has it, with containerd 1.7.24 and runc 1.1.5. Engines 20.10.24, 28.5.2 and 29 (moby v2.0.0-beta.24)
# do the same.
#
# With live-restore the Engine knows a container again after its restart. It forgets what docker exec has started there, though that runs
# on: it has no id any more under which its end could be waited for, and inspect of the container has no execs. So a client that makes an
# exec again whose Engine was restarted has two of them, and one that takes 404 for "has ended" is wrong.
#
# Seen:
#   before the restart the exec runs: true
#   after it the container runs: true
#   the process of the exec is in docker top: yes
#   the exec: No such exec instance
#   the execs of the container: null
suites="trixie bookworm"
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119,SC2154
source "$(dirname "$0")/lib.sh"
packages=(docker.io=26.1.5+dfsg1-9+deb13u1+b1 containerd=1.7.24~ds1-6+deb13u1 runc=1.1.5+ds1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1)

finding() {
	local id exec
	id=$(create '"Cmd":["sleep","1000"]' '"SecurityOpt":["seccomp=unconfined"]')
	api POST "/containers/$id/start"
	exec=$(api POST "/containers/$id/exec" '{"Cmd":["sleep","777"]}' | member Id)
	api POST "/exec/$exec/start" '{"Detach":true}' >/dev/null
	expect 'before the restart the exec runs' "$(api GET "/exec/$exec/json" | member Running)" true
	stop
	start --live-restore
	expect 'after it the container runs' "$(api GET "/containers/$id/json" | member Running)" true
	expect 'the process of the exec is in docker top' "$(api GET "/containers/$id/top" | grep -q 'sleep 777' && echo yes || echo no)" yes
	expect 'the exec' "$(api GET "/exec/$exec/json" | member message | cut -d : -f 1)" 'No such exec instance'
	expect 'the execs of the container' "$(api GET "/containers/$id/json" | member ExecIDs)" null
}

observe --live-restore
