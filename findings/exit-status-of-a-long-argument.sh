#!/usr/bin/env bash
# runc 1.1.14 and 1.5.1, built with Go.
#
# One argument of 128 KiB is too long for the kernel, however large the limit of all arguments together (getconf ARG_MAX) is: with its
# NUL a string may have 32 pages. runc finds out only in the container, after it has told that the start was done. So there is no error
# of a start but a process that ends: with status 1 by older releases and 255 by newer ones, as if the program itself had failed.
#
# Seen:
#   runc 1.1.14, 131071 bytes: status 0
#   runc 1.1.14, 131072 bytes: status 1, exec /bin/true: argument list too long
#   runc 1.5.1, 131071 bytes: status 0
#   runc 1.5.1, 131072 bytes: status 255, exec /bin/true: argument list too long
set -euo pipefail

temp=$(mktemp --directory /var/tmp/finding.XXXXXX)
trap 'rm -rf "$temp"' EXIT
mkdir -p "$temp/bundle/rootfs/bin"
(cd "$temp" && apt-get -q download busybox-static=1:1.35.0-4+deb12u1+b1 >/dev/null 2>&1 && dpkg-deb --extract busybox-static*.deb root)
cp "$(find "$temp/root" -path '*/bin/busybox' -type f)" "$temp/bundle/rootfs/bin/true"

# try VERSION BYTES prints the exit status and the last words of a container whose program has such an argument.
try() {
	local argument status=0 said
	argument=$(head -c "$2" /dev/zero | tr '\0' x)
	rm -f "$temp/bundle/config.json"
	"$temp/$1/runc" spec --bundle "$temp/bundle"
	{
		sed -e 's/"terminal": true/"terminal": false/' -e '/"args": \[/,/\]/d' -e "s|\"process\": {|\"process\": {\n\"args\": [\"true\", \"ARGUMENT\"],|" "$temp/bundle/config.json"
	} >"$temp/template"
	awk -v file=<(printf %s "$argument") 'BEGIN { getline argument <file } { sub(/ARGUMENT/, argument) } 1' "$temp/template" >"$temp/bundle/config.json"
	said=$("$temp/$1/runc" --root "$temp/state" run --bundle "$temp/bundle" "finding-$$-$2" 2>&1 </dev/null) || status=$?
	echo "status $status${said:+, $(tail -n 1 <<<"$said" | grep -o 'exec /bin/true.*' | cut -c -50)}"
}

# expect WHAT SEEN WANTED
expect() {
	echo "$1: $2"
	[[ $2 == "$3" ]] || {
		echo "changed: it was $3 when this was written" >&2
		exit 1
	}
}

while read -r version status; do
	mkdir "$temp/$version"
	GOBIN=$temp/$version GOFLAGS=-modcacherw CGO_ENABLED=1 go install "github.com/opencontainers/runc@v$version" 2>"$temp/log" || {
		cat "$temp/log" >&2
		exit 2
	}
	expect "runc $version, 131071 bytes" "$(try "$version" 131071)" "status 0"
	expect "runc $version, 131072 bytes" "$(try "$version" 131072)" "status $status, exec /bin/true: argument list too long"
done <<-END
	1.1.14 1
	1.5.1 255
END
