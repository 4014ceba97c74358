# shellcheck shell=bash disable=SC2154,SC2086
# A shutdown with tasks, and what is there after the boot.

# Executors run on when the agent's unit is stopped, as with the units of agents. One task ignores SIGTERM.
tasks_for_the_reboot() {
	systemctl is-enabled --quiet $unit
	app many 5 HOST 'sleep 3600'
	app deaf 1 BRIDGE "trap '' TERM; while true; do sleep 1; done"
	begin many
	begin deaf
	await 60 run_now many 5
	await 60 run_now deaf 1
	date '+%F %T' >$work.before
}

nothing_after_the_reboot() {
	echo "NOTE: down in ${SHUTDOWN:-?} s"
	[[ ${SHUTDOWN%.*} -lt $((40 * ${PATIENCE:-1})) ]] || fail "the shutdown took $SHUTDOWN s"
	await 30 active
	await 60 no_containers
	await 30 status_says '0 tasks'
	# The daemon went down before the Engine, by itself.
	journalctl --unit $unit --output cat >"$work.log"
	wants "$work.log" 'the daemon is told to end'
	! journalctl --unit $unit --output cat --since "$(cat $work.before)" | grep -E 'timed out|SIGKILL' || fail 'the daemon was killed at the shutdown'
}
