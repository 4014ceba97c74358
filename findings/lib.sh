# shellcheck shell=bash
# Sourced by the findings. It fetches Debian packages at the versions that a finding states and starts their dockerd in namespaces
# of its own, with all it writes in a temporary directory. Needs root, a Debian machine with curl, and Debian's archive.
#
# A finding sets "packages", as NAME=VERSION, defines "finding", which is run beside the Engine, and ends with "observe FLAG...", where
# the flags are dockerd's. "expect WHAT SEEN WANTED" prints what was seen and fails if it is not what the finding says. "suites" are
# Debian's releases to fetch from; a function "prepare" is run before dockerd is started.
#
# A finding about Go modules calls "program", and needs neither root nor Debian.
# shellcheck disable=SC2016,SC2120,SC2154
set -euo pipefail
suites=${suites-bookworm}

# The Engine of Debian 12, and a shell for its images.
# shellcheck disable=SC2034
debian12=(docker.io=20.10.24+dfsg1-1+deb12u1+b6 containerd=1.6.20~ds1-1+deb12u3 runc=1.1.5+ds1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1)

say() { echo "$*"; }
fail() {
	echo "changed: $*" >&2
	exit 1
}

# expect WHAT SEEN WANTED
expect() {
	say "$1: $2"
	[[ $2 == "$3" ]] || fail "$1 was $3 when this was written"
}

# program MODULE@VERSION... enters a temporary directory and builds ./program in it, with these modules, from the Go source on standard input.
program() {
	temp=$(mktemp --directory)
	trap 'rm -rf "$temp"' EXIT
	cd "$temp"
	export GOFLAGS=-modcacherw
	cat >main.go
	go mod init finding >/dev/null 2>&1
	(($# == 0)) || go get "$@" >/dev/null 2>&1
	go build -o program .
}

# observe FLAG... fetches, and runs "finding" beside a dockerd in namespaces of its own.
observe() {
	if [[ ${FINDING_TEMP-} ]]; then
		temp=$FINDING_TEMP
		inside "$@"
		return
	fi
	temp=$(mktemp --directory /var/tmp/finding.XXXXXX) # short, as the path of a socket must be
	trap clean EXIT
	"$(dirname "${BASH_SOURCE[0]}")/../test/environment/fetch-packages" "$temp/root" "$suites" "${packages[@]}" || exit 2
	local status=0
	FINDING_TEMP=$temp HOME=$temp/home unshare --mount --net --pid --fork --kill-child --mount-proc -- bash "$0" || status=$?
	exit "$status"
}

clean() {
	find /sys/fs/cgroup -depth -type d -path "*/$(basename "$temp")*" -exec rmdir {} + 2>/dev/null || true
	rm -rf --one-file-system "$temp"
}

# inside is the part of observe within the namespaces.
inside() {
	PATH=$temp/root/usr/sbin:$temp/root/usr/bin:$PATH:/usr/sbin:/sbin
	mkdir -p "$temp/home" /etc/docker /run/containerd /run/docker
	local directory
	for directory in /etc/docker /run/containerd /run/docker; do # what dockerd and containerd use whatever they are told
		mount -t tmpfs tmpfs "$directory"
	done
	mount --make-rshared /
	grep -q ' /sys/fs/cgroup' /proc/self/mounts || mount -t cgroup2 cgroup2 /sys/fs/cgroup
	if declare -F prepare >/dev/null; then prepare; fi
	start "$@"
	image
	finding
}

# start FLAG... starts dockerd; "stop" ends it. Without a flag of the network's it makes no bridge and leaves the packet filter alone.
start() {
	echo '{}' >"$temp/daemon.json"
	dockerd --config-file "$temp/daemon.json" --host "unix://$temp/docker.sock" --data-root "$temp/data" --exec-root "$temp/exec" \
		--pidfile "$temp/docker.pid" --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$(basename "$temp")" \
		--bridge=none --iptables=false "$@" </dev/null >>"$temp/log" 2>&1 &
	engine=$!
	local try
	for ((try = 0; try < 600; try++)); do
		[[ $(api GET /_ping 2>/dev/null) == OK ]] && return
		kill -0 "$engine" 2>/dev/null || break
		sleep 0.1
	done
	cat "$temp/log" >&2
	echo "dockerd did not start" >&2
	exit 2
}

stop() {
	kill "$engine"
	wait "$engine" || true
}

# api METHOD PATH [JSON] prints the answer's body.
api() {
	local method=$1 path=$2 body=()
	shift 2
	(($#)) && body=(--header 'Content-Type: application/json' --data "$1")
	curl --silent --show-error --max-time 120 --unix-socket "$temp/docker.sock" --request "$method" "${body[@]}" "http://engine$path"
}

# member NAME prints the value of the first member of that name in the JSON on standard input, a scalar.
member() { grep -o "\"$1\":\\(\"[^\"]*\"\\|[^,}\"]*\\)" | head -n 1 | cut -d : -f 2- | tr -d '"'; }

# image gives the Engine an image "busybox" out of the package busybox-static, where that is among the packages.
image() {
	local program tree=$temp/image name
	program=$(find "$temp/root" -path '*/bin/busybox' -type f)
	[[ $program ]] || return 0
	mkdir -p "$tree/bin" "$tree/etc" "$tree/tmp"
	cp "$program" "$tree/bin/busybox"
	for name in $("$program" --list); do
		[[ $name == busybox ]] || ln -s busybox "$tree/bin/$name"
	done
	echo 'root:x:0:0:root:/:/bin/sh' >"$tree/etc/passwd"
	tar --create --directory "$tree" . |
		curl --silent --unix-socket "$temp/docker.sock" --request POST --header 'Content-Type: application/x-tar' \
			--data-binary @- 'http://engine/images/create?fromSrc=-&repo=busybox' >/dev/null
}

# create JSON prints the id of a container without a network, of these members and those of the image "busybox".
create() { api POST /containers/create "{\"Image\":\"busybox\",\"HostConfig\":{\"NetworkMode\":\"none\"${2:+,$2}},$1}" | member Id; }

# run ID starts a container, waits for its end and prints its exit status.
run() {
	api POST "/containers/$1/start"
	api POST "/containers/$1/wait" | member StatusCode
}
