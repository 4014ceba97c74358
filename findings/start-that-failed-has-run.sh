#!/usr/bin/env bash
# Docker Engine 20.10.24 with containerd 1.6.20 and runc 1.1.5, as Debian 12 has them.
#
# A start to which the Engine answers 500, and of which inspect says that it never was (StartedAt is the year 1), may have run the container's
# program all the same, to its end: where containerd dies after it has told runc to start and before it has told dockerd. Whoever starts the
# container again runs the program twice, and the Engine does so.
#
# Here a runtime stands for chance: it is runc, and kills containerd after its first "start".
#
# Seen:
#   the status of the answer to the start: 500
#   when the container was started, says the Engine: 0001-01-01T00:00:00Z
#   how often the program ran: 1
#   the status of the answer to the second start: 204
#   how often the program ran then: 2
# shellcheck source=findings/lib.sh disable=SC2016,SC2034,SC2119
source "$(dirname "$0")/lib.sh"
packages=("${debian12[@]}")

prepare() {
	mkdir "$temp/shared"
	cat >"$temp/runtime" <<-END
		#!/usr/bin/env bash
		case " \$* " in
		*" start "*)
			runc "\$@" || exit
			[[ -e $temp/killed ]] && exit
			touch $temp/killed
			until [[ -e $temp/shared/ended ]]; do sleep 0.05; done
			kill -KILL "\$(cat $temp/exec/containerd/containerd.pid)"
			;;
		*) exec runc "\$@" ;;
		esac
	END
	chmod +x "$temp/runtime"
}

# started ID starts a container and prints the status of the answer.
started() {
	curl --silent --max-time 20 --unix-socket "$temp/docker.sock" --request POST --output "$temp/answer" --write-out '%{http_code}' \
		"http://engine/containers/$1/start"
}

runs() { wc -l <"$temp/shared/runs"; }

finding() {
	local id
	id=$(create '"Cmd":["sh","-c","echo ran >>/shared/runs; touch /shared/ended"]' "\"Runtime\":\"dying\",\"Binds\":[\"$temp/shared:/shared\"]")
	expect 'the status of the answer to the start' "$(started "$id")" 500
	expect 'when the container was started, says the Engine' "$(api GET "/containers/$id/json" | member StartedAt)" 0001-01-01T00:00:00Z
	expect 'how often the program ran' "$(runs)" 1
	local status try
	for ((try = 0; try < 10; try++)); do # until there is another containerd
		status=$(started "$id")
		[[ $status == 204 ]] && break
		sleep 1
	done
	expect 'the status of the answer to the second start' "$status" 204
	api POST "/containers/$id/wait" >/dev/null
	expect 'how often the program ran then' "$(runs)" 2
}

observe --add-runtime="dying=${FINDING_TEMP-}/runtime"
