# shellcheck shell=bash disable=SC2154,SC2086
# Other releases under tasks, and the package's end.

upgrade_under_tasks() {
	local before
	before=$(shown MainPID)
	version_is "$(version .)" || fail 'another release is installed'
	install_package next "$work.log" || fail "$(cat "$work.log")"
	version_is "$(version next)" || fail 'the programs are the old ones'
	[[ $(shown MainPID) != "$before" ]] || fail 'the daemon was not restarted'
	journalctl --output cat _PID="$(shown MainPID)" >"$work.log"
	wants "$work.log" "\"version\":\"$(version next)\""
	unharmed
}

downgrade_under_tasks() {
	local before
	before=$(shown MainPID)
	install_package . "$work.log" || fail "$(cat "$work.log")"
	version_is "$(version .)" || fail 'the programs are the new ones'
	[[ $(shown MainPID) != "$before" ]] || fail 'the daemon was not restarted'
	unharmed
}

# The daemon from before runs on until the mistake is mended.
upgrade_with_a_mistake() {
	local before
	before=$(shown MainPID)
	echo nonsense >$flags/prepare_timeout
	! install_package next "$work.log" || fail 'the mistake went through'
	wants "$work.log" "$flags/prepare_timeout" 'The daemon from before runs on'
	[[ $(shown MainPID) == "$before" ]] || fail 'the daemon was restarted'
	[[ $(containers) == "$tasks" && $(ended many) == 0 ]] || fail 'tasks have ended' # ps reads the configuration, too
	rm $flags/prepare_timeout
	unharmed
	dpkg --configure -a >"$work.log" 2>&1 || fail "$(cat "$work.log")"
	[[ $(shown MainPID) != "$before" ]] || fail 'the daemon was not restarted'
	unharmed
}

# A mistake in an override counts as one in a flag's file does, and what the override says holds after the upgrade.
upgrade_with_an_override() {
	local before overrides=/etc/systemd/system/$unit.d
	before=$(shown MainPID)
	mkdir -p $overrides
	cat >$overrides/override.conf <<-'END'
		[Service]
		Environment="OTHER=two words" MESOS_DOCKER_CONTAINERIZER_PULL_PROGRESS_INTERVAL=71secs
		EnvironmentFile=/root/variables
		ExecStart=
		ExecStart=/usr/bin/mesos-docker-containerizer \
			"serve" --pull_inactivity_timeout=72mins
	END
	echo "MESOS_DOCKER_CONTAINERIZER_PREPARE_TIMEOUT='some time'" >/root/variables
	systemctl daemon-reload
	! install_package . "$work.log" || fail 'the mistake went through'
	wants "$work.log" '"some time" is refused' 'The daemon from before runs on'
	[[ $(shown MainPID) == "$before" ]] || fail 'the daemon was restarted'
	unharmed
	echo "MESOS_DOCKER_CONTAINERIZER_PREPARE_TIMEOUT=73mins" >/root/variables
	dpkg --configure -a >"$work.log" 2>&1 || fail "$(cat "$work.log")"
	unharmed
	mesos-docker-containerizer config --running >"$work.log"
	wants "$work.log" 71secs 72mins 73mins
	[[ -z $(find /run -maxdepth 3 -name '*containerizer-check*') ]] || fail "left: $(find /run -maxdepth 3 -name '*containerizer-check*')"
	rm -r $overrides /root/variables
	install_package next "$work.log" || fail "$(cat "$work.log")"
	unharmed
}

# A stop by an admin is kept.
upgrade_of_a_stopped_daemon() {
	systemctl stop $unit
	install_package . "$work.log" || fail "$(cat "$work.log")"
	! active || fail 'the upgrade started the daemon'
	systemctl start $unit
	unharmed
}

# fill FILE takes all room that is left, also what is reserved for root.
fill() {
	local step
	touch "$1"
	for step in 1024 128 16 1; do
		while fallocate --offset "$(stat --format=%s "$1")" --length "${step}M" "$1" 2>/dev/null; do :; done
	done
}

# dpkg takes back what it has unpacked.
upgrade_on_a_full_disk() {
	local before
	before=$(shown MainPID)
	trap 'rm -f /filler' EXIT
	fill /filler
	truncate --size=-8M /filler
	! install_package next "$work.log" || fail "there was room: $(df -h / | tail -1)"
	wants "$work.log" 'No space left on device'
	rm /filler
	version_is "$(version .)" || fail 'the programs are half new'
	[[ $(shown MainPID) == "$before" ]] || fail 'the daemon was restarted'
	unharmed
	[[ -z $(dpkg --audit) ]] || fail "$(dpkg --audit)"
	install_package next "$work.log" || fail "$(cat "$work.log")"
	unharmed
}

upgrade_during_a_pull_and_launches() {
	image=127.0.0.1:5000/large:1 force=true app large 1 HOST 'sleep 3600'
	app burst 8 BRIDGE 'sleep 3600'
	begin large
	begin burst
	await 20 grep -q TASK_STARTING "$work/burst.json"
	install_package . "$work.log" || fail "$(cat "$work.log")"
	await 120 run_now large 1
	await 120 run_now burst 8
	[[ $(ended large) == 0 && $(ended burst) == 0 ]] || fail "$(jq -c 'select(.event == "status")' "$work"/{large,burst}.json | tail -3)"
	await 30 looked_after burst 8
	finish large
	finish burst
	unharmed
}

downgrade_beyond_the_wire_version() {
	install_package newer-wire "$work.log" || fail "$(cat "$work.log")"
	unharmed
	! install_package . "$work.log" || fail 'an older daemon was installed under newer executors'
	wants "$work.log" 'speaks version 2 of the conversation with executors' 'many.'
	version_is 2.0.0 || fail 'the programs were replaced'
	unharmed
}

removal_under_tasks() {
	! apt-get remove --yes mesos-docker-containerizer >"$work.log" 2>&1 || fail 'removed under tasks'
	wants "$work.log" 'tasks live on this host' 'many.'
	active || fail 'the daemon was stopped'
	unharmed
	finish many
	await 30 no_containers
	install_package . "$work.log" || fail "a drained host refuses an older release: $(cat "$work.log")"
	version_is "$(version .)"
}

removal() {
	echo 1hrs >$flags/prepare_timeout
	apt-get remove --yes mesos-docker-containerizer >"$work.log" 2>&1 || fail "$(cat "$work.log")"
	! active || fail 'the daemon runs'
	[[ $(systemctl show --property=LoadState --value $unit) == not-found ]] || fail 'systemd knows the unit'
	[[ ! -e /run/mesos-docker-containerizer ]] || fail "left: $(ls /run/mesos-docker-containerizer)"
	[[ -e $flags/prepare_timeout ]] || fail 'a removal took the flags'
}

purge() {
	apt-get purge --yes mesos-docker-containerizer >"$work.log" 2>&1 || fail "$(cat "$work.log")"
	find / -xdev -name '*mesos-docker*' -not -path '/proc/*' -not -path "$packages/*" -not -path "$work*" -not -path '/root/test/*' -not -path '/var/log/*' >"$work.left"
	[[ ! -s $work.left ]] || fail "left: $(cat "$work.left")"
}
