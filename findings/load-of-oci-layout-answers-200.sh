#!/usr/bin/env bash
# Docker Engine 20.10.24, as Debian 12 has it.
#
# POST /images/load answers 200 to an archive that it cannot load: the failure is a message in the body. An OCI image layout, which is
# what other tools write, is such an archive, and the message speaks of a file "json" that no layout has.
#
# Seen:
#   status: 200
#   the body has errorDetail: yes
#   images after it: []
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]:0:3}")

# blob FILE moves a file to where a layout keeps it and prints its digest.
blob() {
	local digest
	digest=$(sha256sum "$1" | cut -d ' ' -f 1)
	mv "$1" "$layout/blobs/sha256/$digest"
	echo "sha256:$digest"
}

finding() {
	layout=$temp/layout
	mkdir -p "$layout/blobs/sha256" "$temp/layer"
	echo hello >"$temp/layer/hello"
	local layer config manifest size
	tar --create --file "$temp/blob" --directory "$temp/layer" hello
	layer=$(blob "$temp/blob")
	echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"$layer\"]}}" >"$temp/blob"
	size=$(stat -c %s "$temp/blob")
	config=$(blob "$temp/blob")
	echo "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":$size,\"digest\":\"$config\"},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"size\":10240,\"digest\":\"$layer\"}]}" >"$temp/blob"
	size=$(stat -c %s "$temp/blob")
	manifest=$(blob "$temp/blob")
	echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
	echo "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":$size,\"digest\":\"$manifest\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"1\"}}]}" >"$layout/index.json"
	tar --create --file "$temp/layout.tar" --directory "$layout" .
	expect "status" "$(curl --silent --unix-socket "$temp/docker.sock" --output "$temp/said" --write-out '%{http_code}' --header 'Content-Type: application/x-tar' --data-binary "@$temp/layout.tar" http://engine/images/load)" 200
	say "body: $(cat "$temp/said")"
	expect "the body has errorDetail" "$(grep -q errorDetail "$temp/said" && echo yes || echo no)" yes
	expect "images after it" "$(api GET /images/json)" '[]'
}

observe
