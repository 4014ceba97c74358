#!/usr/bin/env bash
# systemd 252.39, as Debian 12 has it: journald and systemd-cat.
#
# A program that has the journal as its stderr can give each line a priority, by <4> before it. journald takes that off, so that a JSON
# line stays JSON. Programs that look at JOURNAL_STREAM, as systemd.exec(5) tells them to, before they do so, do it in a unit and not
# under systemd-cat: that hands over the same kind of stream and does not set the variable. So with systemd-cat all lines have its one
# priority, and what the journal shows of a unit cannot be tried that way. With the variable set by hand it can.
#
# Seen:
#   JOURNAL_STREAM under systemd-cat: unset
#   warnings without it: none
#   warnings with it: {"level":"warn","msg":"x"}
#   without the prefix: {"level":"warn","msg":"x"} has priority 6
# shellcheck disable=SC2016
set -euo pipefail

if [[ ! ${FINDING_TEMP-} ]]; then
	FINDING_TEMP=$(mktemp --directory /var/tmp/finding.XXXXXX)
	export FINDING_TEMP
	trap 'rm -rf "$FINDING_TEMP"' EXIT
	"$(dirname "$0")/../test/environment/fetch-packages" "$FINDING_TEMP/root" bookworm systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 \
		libsystemd0=252.39-1~deb12u2 || exit 2
	unshare --mount --pid --fork --kill-child --mount-proc -- bash "$0"
	exit
fi

expect() {
	echo "$1: $2"
	[[ $2 == "$3" ]] || { echo "changed: $1 was $3 when this was written" >&2 && exit 1; }
}

root=$FINDING_TEMP/root
export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu/systemd:$root/lib/x86_64-linux-gnu/systemd:$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
daemon=$(find "$root" -name systemd-journald -type f)
PATH=$root/usr/bin:$root/bin:$PATH
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal
"$daemon" 2>/dev/null &
while [[ ! -S /run/systemd/journal/stdout ]]; do sleep 0.05; done

# A program that does as the manual says.
cat >"$FINDING_TEMP/program" <<'END'
prefix=
[ "${JOURNAL_STREAM-}" = "$(stat -Lc %d:%i /proc/self/fd/2)" ] && prefix='<4>'
echo "$prefix"'{"level":"warn","msg":"x"}' >&2
END
# shown IDENTIFIER FILTER... prints what the journal has of one run.
shown() {
	journalctl --directory=/run/log/journal --sync >/dev/null 2>&1 || true
	journalctl --directory=/run/log/journal --quiet --no-pager --output=cat "SYSLOG_IDENTIFIER=$1" "${@:2}"
}
await() {
	until [[ $(shown "$1") ]]; do sleep 0.05; done
}
systemd-cat --identifier=variable sh -c 'echo "${JOURNAL_STREAM-unset}"'
systemd-cat --identifier=without sh "$FINDING_TEMP/program"
systemd-cat --identifier=with sh -c 'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec sh "$0"' "$FINDING_TEMP/program"
await variable && await without && await with
warnings=$(shown without --priority=warning)
expect "JOURNAL_STREAM under systemd-cat" "$(shown variable)" unset
expect "warnings without it" "${warnings:-none}" none
expect "warnings with it" "$(shown with --priority=warning)" '{"level":"warn","msg":"x"}'
expect "without the prefix" "$(shown without) has priority $(shown without --output=verbose | sed -n 's/^ *PRIORITY=//p')" \
	'{"level":"warn","msg":"x"} has priority 6'
