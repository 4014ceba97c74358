#!/usr/bin/env bash
# Docker Engine 26.1.5, as Debian 13 has it, with CDI turned on. The runc is Debian 12's, which needs no newer C library.
#
# The Engine gives one device to any number of containers at the same time, by the same name or by another of the device's names, without a
# word. A request by number, which is how GPUs are asked for, is no way out: with the driver cdi it is accepted when the container is
# created, and refused when it is started. So is the name of a device that does not exist.
#
# Seen:
#   by the first name: created, started; the device: yes
#   by the first name again, beside it: created, started; the device: yes
#   by the second name, beside both: created, started; the device: yes
#   containers that run with it: 3
#   by number: created, {"message":"unexpected count in CDI device request"}
#   by a name that there is not: created, {"message":"CDI device injection failed: unresolvable CDI devices test.example/gpu=7"}
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
suites="trixie bookworm"
source "$(dirname "$0")/lib.sh"
packages=(docker.io=26.1.5+dfsg1-9+deb13u1+b1 containerd=1.7.24~ds1-6+deb13u1 runc=1.1.5+ds1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1)

prepare() {
	echo '{"features":{"cdi":true}}' >"$temp/cdi.json"
	mkdir -p "$temp/cdi"
	local edits='{"deviceNodes":[{"path":"/dev/given","hostPath":"/dev/null"}]}'
	echo "{\"cdiVersion\":\"0.6.0\",\"kind\":\"test.example/gpu\",\"devices\":[{\"name\":\"0\",\"containerEdits\":$edits},{\"name\":\"GPU-a\",\"containerEdits\":$edits}]}" >"$temp/cdi/test.json"
}

# given REQUEST starts a container, and says what became of it and whether it has the device.
given() {
	local id answer
	id=$(create '"Cmd":["sh","-c","[ -c /dev/given ] && echo yes || echo no; sleep 1000"]' "\"DeviceRequests\":[$1]")
	[[ $id ]] || return 0
	answer=$(api POST "/containers/$id/start")
	if [[ $answer ]]; then
		echo "created, $answer"
		return
	fi
	until [[ $(printed "$id") ]]; do sleep 0.1; done
	echo "created, started; the device: $(printed "$id")"
}

# printed ID is what a container has written, without the frames.
printed() { api GET "/containers/$1/logs?stdout=1" | tr -cd '[:lower:]'; }

finding() {
	expect "by the first name" "$(given '{"Driver":"cdi","DeviceIDs":["test.example/gpu=0"]}')" "created, started; the device: yes"
	expect "by the first name again, beside it" "$(given '{"Driver":"cdi","DeviceIDs":["test.example/gpu=0"]}')" "created, started; the device: yes"
	expect "by the second name, beside both" "$(given '{"Driver":"cdi","DeviceIDs":["test.example/gpu=GPU-a"]}')" "created, started; the device: yes"
	expect "containers that run with it" "$(api GET /containers/json | grep -o '"State":"running"' | wc -l)" 3
	expect "by number" "$(given '{"Driver":"cdi","Count":1,"Capabilities":[["gpu"]]}')" 'created, {"message":"unexpected count in CDI device request"}'
	expect "by a name that there is not" "$(given '{"Driver":"cdi","DeviceIDs":["test.example/gpu=7"]}')" \
		'created, {"message":"CDI device injection failed: unresolvable CDI devices test.example/gpu=7"}'
}

observe --config-file "${FINDING_TEMP-}/cdi.json" --cdi-spec-dir "${FINDING_TEMP-}/cdi"
