#!/usr/bin/env bash
# Linux, no packages.
#
# What a control group has counted cannot be had from a process that has ended but was not waited for, in the natural way: on version 1
# /proc/PID/cgroup says "/" as soon as it ends, though its group is still there; version 2 goes on to say the group. And to open the files of
# the group in good time does not help: once the group is removed, as every container runtime does at the end, an open descriptor
# is no longer good for a read, other than one of a file that was unlinked.
#
# Seen on Linux 6.18:
#   version 1, /proc/PID/cgroup while it runs: /finding
#   version 1, of a zombie: /
#   version 1, is its group still there: yes
#   version 1, read of a file opened before its group was removed: No such device
#   version 2, /proc/PID/cgroup while it runs: /finding
#   version 2, of a zombie: /finding
#   version 2, is its group still there: yes
#   version 2, read of a file opened before its group was removed: No such device
# shellcheck disable=SC2154 # parent_PID is set by coproc
set -euo pipefail

if [[ ${FINDING_TEMP-} == "" ]]; then
	FINDING_TEMP=$(mktemp --directory /var/tmp/finding.XXXXXX)
	export FINDING_TEMP
	trap 'rmdir "$FINDING_TEMP"' EXIT
	unshare --mount -- bash "$0"
	exit
fi

# expect WHAT SEEN WANTED
expect() {
	echo "$1: $2"
	[[ $2 == "$3" ]] || {
		echo "changed: it was $3 when this was written" >&2
		exit 1
	}
}

# look VERSION LINE FILE ZOMBIE shows the group of a process below the mounted hierarchy, whose line in /proc/PID/cgroup begins with LINE.
look() {
	local name=finding-$$ group pid descriptor said
	group=$FINDING_TEMP/$name
	mkdir "$group"
	coproc parent { exec bash -c 'sleep 1000 & echo $!; exec cat >/dev/null'; } # which never waits for its child
	read -r pid <&"${parent[0]}"
	echo "$pid" >"$group/cgroup.procs"
	of() { sed -n "s|^[0-9]*:$1:||p" "/proc/$pid/cgroup" | sed "s|$name|finding|"; }
	expect "version $1, /proc/PID/cgroup while it runs" "$(of "$2")" /finding
	kill -KILL "$pid"
	until grep -q '^State:.*zombie' "/proc/$pid/status"; do :; done
	expect "version $1, of a zombie" "$(of "$2")" "$4"
	exec {descriptor}<"$group/$3"
	expect "version $1, is its group still there" "$([[ -e $group/$3 ]] && echo yes || echo no)" yes
	rmdir "$group"
	said=$(LC_ALL=C cat <&"$descriptor" 2>&1) || said=${said##*: }
	expect "version $1, read of a file opened before its group was removed" "$said" "No such device"
	exec {descriptor}<&-
	kill "$parent_PID"
	wait "$parent_PID" || true
}

mount -t cgroup -o none,name=finding cgroup "$FINDING_TEMP"
look 1 name=finding notify_on_release /
umount "$FINDING_TEMP"
mount -t cgroup2 cgroup2 "$FINDING_TEMP"
look 2 "" cgroup.events /finding
umount "$FINDING_TEMP"
