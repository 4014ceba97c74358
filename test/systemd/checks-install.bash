# shellcheck shell=bash disable=SC2154,SC2086
# A host that gets the package, and how its unit is.

install_on_a_bare_host() {
	systemctl mask --now --quiet docker.socket docker.service
	install_package . "$work.log" || fail "$(cat "$work.log")"
	wants "$work.log" 'nothing was started' 'systemctl enable --now mesos-docker-containerizer'
	! active || fail 'the daemon was started'
	[[ $(systemctl is-enabled $unit) == disabled ]] || fail 'the unit was enabled'
	[[ $(find $flags -type f) == "$flags/README" ]] || fail "flags: $(ls $flags)"
	mesos-docker-containerizer config --json | jq -r '.[].name' | while read -r flag; do
		grep -qx "$flag" $flags/README || fail "the README lacks $flag"
	done
}

daemon_without_an_engine() {
	systemctl enable --now --quiet mesos-docker-containerizer
	active || fail 'the daemon does not run without an Engine'
	await 10 status_says 'does not answer'
	status=0
	mesos-docker-containerizer doctor >"$work.log" || status=$?
	[[ $status == 1 ]] || fail "doctor's status is $status"
	wants "$work.log" 'no Docker Engine answers'
	systemctl unmask --quiet docker.socket docker.service
	systemctl start docker
	systemctl restart $unit
	await 10 status_says '0 tasks; the Docker Engine answers'
}

unit_is_sound() {
	systemd-analyze verify /usr/lib/systemd/system/mesos-docker-containerizer.service >"$work.log" 2>&1 || fail "$(cat "$work.log")"
	[[ ! -s $work.log ]] || fail "$(cat "$work.log")"
	local figure
	figure=$(systemd-analyze security --no-pager $unit | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p')
	echo "NOTE: exposure $figure"
	grep -qF "exposure level $figure" /usr/lib/systemd/system/$unit || fail "systemd-analyze security says $figure, the unit something else"
}

doctor_without_an_agent() {
	# Where this machine has no controllers, the Engine cannot limit memory, and that is a failure of its own.
	{ mesos-docker-containerizer doctor --json || true; } | jq -r '.checks[] | select(.status == "failed" and .name != "engine_limits") | .name' >"$work.log"
	[[ ! -s $work.log ]] || fail "$(cat "$work.log")"
	mesos-docker-containerizer doctor >"$work.log" || grep -q '^FAILED *engine_limits' "$work.log" || fail "$(cat "$work.log")"
	wants "$work.log" 'no agent is installed here'
	mkdir /etc/mesos-slave
	status=0
	mesos-docker-containerizer doctor >"$work.log" || status=$?
	rmdir /etc/mesos-slave
	[[ $status == 1 ]] || fail "with an agent that is down, doctor's status is $status"
	wants "$work.log" 'no agent answers'
}

# views_are_equal compares what the daemon and dockerd see at each path: the policy resolves a task's host paths in the daemon's.
views_are_equal() {
	local daemon engine
	daemon=$(shown MainPID)
	engine=$(systemctl show --property=MainPID --value docker)
	for process in "$daemon" "$engine"; do
		(cd "/proc/$process/root" && find . -maxdepth 3 \( -path ./proc -o -path ./sys -o -path ./run/docker -o -path './root/work.*' \) -prune -o -printf '%p %D:%i %y %l\n' | sort) >"$work.$process"
	done
	[[ $(wc -l <"$work.$daemon") -gt 1000 ]] || fail 'the look at the files is broken'
	diff "$work.$daemon" "$work.$engine" || fail 'daemon and Engine see other files'
	diff <(nsenter --target "$daemon" --mount ls -l /dev /dev/pts) <(nsenter --target "$engine" --mount ls -l /dev /dev/pts) || fail 'other devices'
	# A mount that is made later is seen by both.
	mkdir -p /srv/later
	mount -t tmpfs -o mode=755 tmpfs /srv/later
	touch /srv/later/file
	[[ -e /proc/$daemon/root/srv/later/file && -e /proc/$engine/root/srv/later/file ]] || fail 'a later mount is not seen by both'
	umount /srv/later
}

setup_and_undo() {
	mkdir -p /etc/mesos-slave /usr/libexec/mesos
	for helper in mesos-docker-executor mesos-executor mesos-fetcher; do
		printf '#!/bin/sh\n' >/usr/libexec/mesos/$helper
		chmod 755 /usr/libexec/mesos/$helper
	done
	mesos-docker-containerizer setup --mesos-libexec=/usr/libexec/mesos --write >"$work.log" || fail "$(cat "$work.log")"
	[[ $(readlink -f /var/lib/mesos-docker-overlay/mesos-docker-executor) == /usr/libexec/mesos-docker-containerizer/mesos-docker-executor ]] ||
		fail "the overlay: $(ls -l /var/lib/mesos-docker-overlay)"
	[[ $(cat /etc/mesos-slave/launcher_dir) == /var/lib/mesos-docker-overlay ]] || fail 'launcher_dir'
	! apt-get remove --yes mesos-docker-containerizer >"$work.log" 2>&1 || fail 'the package was removed below a setup'
	wants "$work.log" 'setup --undo'
	active || fail 'the daemon is gone after a refused removal'
	mesos-docker-containerizer setup --undo >"$work.log" || fail "$(cat "$work.log")"
	[[ ! -e /etc/mesos-slave/launcher_dir ]] || fail 'launcher_dir is left'
	[[ ! -e /var/lib/mesos-docker-overlay ]] || fail "the overlay is left: $(cat "$work.log")"
	rm -r /etc/mesos-slave /usr/libexec/mesos
}
