# shellcheck shell=bash disable=SC2034,SC2086
# What the checks share. They run as root in the booted machine, each as a bash of its own with errexit.

socket=/run/mesos-docker-containerizer/executor.sock
unit=mesos-docker-containerizer.service
flags=/etc/mesos-docker-containerizer
packages=/root/packages
work=/root/work
tasks=${TASKS:-20} # of the app "many"

# fail says what was wrong.
fail() {
	echo "FAILED: $*"
	exit 1
}

# await SECONDS COMMAND... waits until the command succeeds, PATIENCE times as long on a machine with other work.
await() {
	local seconds=$(($1 * ${PATIENCE:-1})) end
	end=$((SECONDS + seconds))
	shift
	until "$@"; do
		((SECONDS < end)) || fail "not so within $seconds s: $*"
		sleep 0.2
	done
}

# wants FILE TEXT... fails unless each text is in the file.
wants() {
	local file=$1 text
	shift
	for text in "$@"; do
		grep -qF -e "$text" "$file" || fail "$file lacks '$text':
$(head -c 3000 "$file")"
	done
}

# app NAME INSTANCES NETWORK COMMAND [MORE] writes a Marathon app to $work/NAME.app; MORE is further JSON, with a comma in front.
# The variables image, force, cpus and mem (MiB) say what their names say; parameters is JSON, options of docker run by name.
app() {
	local more=
	[[ $3 != BRIDGE ]] || more=', "portMappings": [{"containerPort": 8080, "hostPort": 0}]'
	[[ ! -v parameters ]] || more+=", \"parameters\": $(jq -c 'to_entries' <<<"$parameters")"
	mkdir -p "$work"
	cat >"$work/$1.app" <<-END
		{"id": "/$1", "cmd": "$4", "cpus": ${cpus-0.01}, "mem": ${mem-16}, "instances": $2,
		 "container": {"type": "DOCKER", "docker": {"image": "${image-test/busybox:1}", "network": "$3", "forcePullImage": ${force-false}$more}}${5-}}
	END
}

# begin NAME has the tasks of an app run beside the daemon of the host, as an agent would: the program plays the agent, and when its
# unit is stopped, executors run on, as with the units of agents.
begin() {
	rm -f "$work/$1.json"
	systemd-run --quiet --collect --unit="task-$1" --property=KillMode=process --property=KillSignal=SIGKILL \
		--property=StandardOutput="file:$work/$1.json" --property=StandardError="file:$work/$1.err" \
		/usr/bin/mesos-docker-containerizer run --socket=$socket --output=json "$work/$1.app"
}

# running NAME prints how many tasks of an app have begun to run, ended how many have come to an end.
running() { [[ ! -e $work/$1.json ]] || jq -r 'select(.state == "TASK_RUNNING") | .task' "$work/$1.json" | sort -u | wc -l; }
ended() { [[ ! -e $work/$1.json ]] || jq -r 'select(.state // "" | test("TASK_(FINISHED|FAILED|KILLED|LOST|ERROR|DROPPED|GONE)")) | .task' "$work/$1.json" | sort -u | wc -l; }
run_now() { [[ $(running "$1") == "$2" ]]; }
have_ended() { [[ $(ended "$1") == "$2" ]]; }

# finish NAME has the tasks killed as a framework would, and waits until nothing of them is left.
finish() {
	systemctl kill --kill-whom=main --signal=TERM "task-$1"
	await 60 gone "$1"
}
gone() { ! systemctl is-active --quiet "task-$1"; }

# looked_after APP N: the daemon has N tasks of an app whose containers run.
looked_after() {
	[[ $(mesos-docker-containerizer ps --json 2>/dev/null |
		jq --arg app "$1." 'map(select(.state == "running" and (.task | startswith($app)))) | length') == "$2" ]]
}
containers() { docker ps --quiet --filter label=mesos-docker-containerizer.instance --filter name=mdc-local-many | wc -l; }
no_containers() { [[ -z $(docker ps --all --quiet --filter label=mesos-docker-containerizer.instance) ]]; }

active() { systemctl is-active --quiet $unit; }
shown() { systemctl show --property="$1" --value $unit; }
status_says() { [[ $(shown StatusText) == *"$1"* ]]; }
version_is() { [[ $(mesos-docker-containerizer version --json | jq -r .version) == "$1" ]]; }

# unharmed: the tasks of the app "many" run, and none has ended.
unharmed() {
	await 30 looked_after many "$tasks"
	[[ $(running many) == "$tasks" && $(ended many) == 0 ]] || fail "of $tasks tasks $(running many) ran and $(ended many) have ended:
$(jq -c 'select(.event == "status") | select(.state != "TASK_RUNNING" and .state != "TASK_STARTING")' "$work/many.json" | head -5)"
	[[ $(containers) == "$tasks" ]] || fail "$(containers) containers"
}

# deb and version tell of the package in a directory.
version() { deb "$1" | sed 's/.*_\(.*\)-1_.*/\1/'; }
deb() { ls "$packages/$1"/mesos-docker-containerizer_*.deb; }

# install_package DIRECTORY FILE installs a package; what is said goes to the file.
install_package() {
	DEBIAN_FRONTEND=noninteractive apt-get install --yes --allow-downgrades "$(deb "$1")" >"$2" 2>&1
}
