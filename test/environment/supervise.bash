# shellcheck shell=bash
# Sourced by the scripts that stay until a command has ended.

# supervise TARGET COMMAND... runs the command with this shell's terminal and returns its status. SIGTERM and SIGHUP are passed
# on to the process that the function TARGET names.
#
# The command runs in the background: with it in the foreground, bash would look at a signal only after its end. Bash makes
# background commands ignore SIGINT and SIGQUIT, which env undoes. Those two are not passed on: a terminal sends them to the
# command, too, and a second interrupt means something else than the first.
supervise() {
	local target=$1 interrupted status
	shift
	env --default-signal=INT,QUIT "$@" <&0 &
	supervised=$!
	trap 'interrupted=1; kill -TERM "$("$target")" 2>/dev/null || true' TERM HUP
	trap 'interrupted=1' INT QUIT
	while :; do
		interrupted=
		status=0
		wait "$supervised" || status=$?
		[[ $interrupted ]] || break
	done
	return "$status"
}
