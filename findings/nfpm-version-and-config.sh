#!/usr/bin/env bash
# nfpm 2.45.2, with dpkg 1.21.22 and rpm 4.18.0 of Debian 12.
#
# 1. A version 1.2.3-4 in the configuration, without a release, is not upstream version 1.2.3 of Debian revision 4: it is read as a
#    semantic version with the pre-release "4" and becomes 1.2.3~4, in .deb and .rpm alike. dpkg sorts that before 1.2.3, so that what
#    was meant as the fourth package of 1.2.3 is never an upgrade of it.
# 2. A file of type config|noreplace that an admin has deleted stays deleted through an upgrade by dpkg, and is put back by rpm. Where the
#    presence of a file means something, as in a directory with one file per flag, an rpm upgrade changes the configuration.
#
# Output seen:
#   version of the deb: 1.2.3~4
#   version of the rpm: 1.2.3~4-1
#   dpkg takes it for newer than 1.2.3: no
#   after an upgrade by dpkg: the deleted file is absent
#   after an upgrade by rpm: the deleted file is present
# Needs Go, dpkg, rpm, root.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
GOBIN=$work GOFLAGS=-mod=mod go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
echo 10 >flag

# pack VERSION [MORE] makes a .deb and an .rpm in out/.
pack() {
	cat >nfpm.yaml <<-END
		name: example
		arch: amd64
		version: $1
		maintainer: Example <example@example.org>
		description: an example
		${2-}
		contents:
		  - {src: flag, dst: /etc/example/flag, type: config|noreplace}
	END
	rm -rf out
	mkdir out
	./nfpm package --packager deb --target out >/dev/null
	./nfpm package --packager rpm --target out >/dev/null
}
expect() {
	echo "$1: $2"
	[[ $2 == "$3" ]] || {
		echo "changed: it was $3 when this was written" >&2
		exit 1
	}
}
state() { [[ -e $1 ]] && echo present || echo absent; }

pack 1.2.3-4
deb=$(dpkg-deb --field out/*.deb Version)
expect 'version of the deb' "$deb" 1.2.3~4
expect 'version of the rpm' "$(rpm -qp --queryformat '%{VERSION}-%{RELEASE}' out/*.rpm 2>/dev/null)" 1.2.3~4-1
expect 'dpkg takes it for newer than 1.2.3' "$(dpkg --compare-versions "$deb" gt 1.2.3 && echo yes || echo no)" no

mkdir -p deb/var/lib/dpkg/{updates,info} rpm/var/lib/rpm
touch deb/var/lib/dpkg/{status,available}
with_dpkg() { dpkg --root="$work/deb" --log=/dev/null --force-script-chrootless --install out/*.deb >log 2>&1 || { cat log; exit 2; }; }
with_rpm() { rpm --root "$work/rpm" --dbpath /var/lib/rpm --nodeps -U out/*.rpm >log 2>&1 || { cat log; exit 2; }; }
pack 1.0.0 'release: 1'
with_dpkg
with_rpm
rm deb/etc/example/flag rpm/etc/example/flag
pack 1.0.1 'release: 1'
with_dpkg
with_rpm
expect 'after an upgrade by dpkg: the deleted file is' "$(state deb/etc/example/flag)" absent
expect 'after an upgrade by rpm: the deleted file is' "$(state rpm/etc/example/flag)" present
