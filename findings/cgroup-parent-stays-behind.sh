#!/usr/bin/env bash
# Docker Engine 20.10.24 and runc 1.1.5, as Debian 12 has them, on a host with cgroup version 1.
#
# A container with a CgroupParent gets its group below that path in every hierarchy, also in those in which nobody has made the path, and in
# version 2's where that is mounted beside version 1. The end of the container and its removal take away its own group alone: what was made of
# the path stays, in each hierarchy, for good. Who has made the path in two hierarchies, for limits of memory and processors, and removes it
# there, leaves a directory in each of the others for every path that a container ever had.
#
# Seen (of the host's other hierarchies, that of pids is looked at):
#   group of the parent, made by hand, in memory: yes
#   group of the parent in pids, before: no
#   exit status of a container below it: 0
#   groups of the removed container, in all hierarchies: 0
#   group of the parent in pids, after: yes
#   is it empty: yes
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119,SC2154
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

is_there() { [[ -d $1 ]] && echo yes || echo no; }

finding() {
	local hierarchies=/sys/fs/cgroup parent id
	[[ -d $hierarchies/memory && -d $hierarchies/pids ]] || { echo "this needs a host with cgroup version 1" >&2; exit 2; }
	parent=$(basename "$temp")/parent
	mkdir -p "$hierarchies/memory/$parent"
	expect "group of the parent, made by hand, in memory" "$(is_there "$hierarchies/memory/$parent")" yes
	expect "group of the parent in pids, before" "$(is_there "$hierarchies/pids/$parent")" no
	id=$(create '"Cmd":["true"]' "\"CgroupParent\":\"/$parent\"")
	expect "exit status of a container below it" "$(run "$id")" 0
	api DELETE "/containers/$id"
	expect "groups of the removed container, in all hierarchies" "$(find "$hierarchies" -type d -name "*$id*" | wc -l)" 0
	expect "group of the parent in pids, after" "$(is_there "$hierarchies/pids/$parent")" yes
	rmdir "$hierarchies/pids/$parent"
	expect "is it empty" "$([[ -d $hierarchies/pids/$parent ]] && echo no || echo yes)" yes
}

observe
