#!/usr/bin/env bash
# CNI's cnitool and libcni 1.3.1, plugins 1.1.1 as Debian 12 has them.
#
# libcni keeps what ADD was given in its cache, and DEL through libcni gives the plugins the cached result. It does not give them the cached
# port mappings: those are the caller's to give again. portmap, which is asked for DEL without them, removes nothing and succeeds, and
# libcni then removes its cache. So a caller that keeps the attachment and forgets its ports leaves a host port that leads to an
# address that the next container gets.
#
# Seen:
#   rules for the port after ADD: some
#   status of DEL without the ports: 0
#   rules for the port after that: some
#   files in the cache: 0
#   status of DEL with the ports: 0
#   rules for the port after that: none
# shellcheck source=findings/lib.sh
source "$(dirname "$0")/lib.sh"

if [[ ! ${FINDING_TEMP-} ]]; then
	temp=$(mktemp --directory /var/tmp/finding.XXXXXX)
	trap 'rm -rf --one-file-system "$temp"' EXIT
	"$(dirname "$0")/../test/environment/fetch-packages" "$temp/root" bookworm 'containernetworking-plugins=1.1.1+ds1-3+b5' || exit 2
	GOBIN=$temp/bin go install github.com/containernetworking/cni/cnitool@v1.3.1 || exit 2
	status=0
	FINDING_TEMP=$temp unshare --mount --net -- bash "$0" || status=$?
	exit "$status"
fi
temp=$FINDING_TEMP
mkdir -p "$temp/path" "$temp/conf" "$temp/cni" /var/lib/cni /run/netns
mount --bind "$temp/cni" /var/lib/cni # where libcni has its cache
mount -t tmpfs tmpfs /run/netns
busybox ip link set lo up 2>/dev/null || ip link set lo up
# A kernel may know only one of the two kinds of packet filter that iptables can drive.
tables=iptables
if ! iptables --table nat --list >/dev/null 2>&1; then
	tables=iptables-legacy
	ln -s "$(command -v iptables-legacy || echo /usr/sbin/iptables-legacy)" "$temp/path/iptables"
	ln -s "$(command -v ip6tables-legacy || echo /usr/sbin/ip6tables-legacy)" "$temp/path/ip6tables"
fi
export PATH=$temp/path:$temp/bin:$PATH:/usr/sbin:/sbin
export CNI_PATH=$temp/root/usr/lib/cni NETCONFPATH=$temp/conf
touch /run/netns/task
unshare --net=/run/netns/task true
cat >"$temp/conf/blue.conflist" <<J
{"cniVersion": "1.0.0", "name": "blue", "plugins": [
	{"type": "ptp", "ipam": {"type": "host-local", "dataDir": "$temp/addresses", "ranges": [[{"subnet": "10.77.0.0/24"}]]}},
	{"type": "portmap", "capabilities": {"portMappings": true}}]}
J
ports='{"portMappings": [{"hostPort": 31077, "containerPort": 80, "protocol": "tcp"}]}'
rules() { if [[ $("$tables" --table nat --list-rules) == *31077* ]]; then echo some; else echo none; fi; }
cnitool() {
	local status=0
	command cnitool "$@" blue /run/netns/task >/dev/null || status=$?
	echo "$status"
}
[[ $(CAP_ARGS=$ports cnitool add) == 0 ]] || exit 2
expect 'rules for the port after ADD' "$(rules)" some
expect 'status of DEL without the ports' "$(cnitool del)" 0
expect 'rules for the port after that' "$(rules)" some
expect 'files in the cache' "$(find /var/lib/cni -type f -path '*results*' | wc -l)" 0
expect 'status of DEL with the ports' "$(CAP_ARGS=$ports cnitool del)" 0
expect 'rules for the port after that' "$(rules)" none
