# shellcheck shell=bash disable=SC2154,SC2086
# What the kernel enforces: it needs the controllers, which machines of namespaces may lack. The task "limited" runs from here to the reboot.

# process prints the first process of an app's container.
process() { docker inspect --format '{{.State.Pid}}' "$(docker ps --quiet --filter "name=mdc-local-$1")"; }

# limit APP CONTROLLER FILE prints a file of the control group of an app's container, of cgroup v2 or of the controller's hierarchy.
limit() {
	local entry directory=/sys/fs/cgroup
	if [[ -e $directory/cgroup.controllers ]]; then
		entry=$(sed -n 's/^0:://p' "/proc/$(process "$1")/cgroup")
	else
		directory+=/$2
		entry=$(sed -n "s/^[0-9]*:\(.*,\)\?$2\(,.*\)\?:\//\//p" "/proc/$(process "$1")/cgroup")
	fi
	cat "$directory$entry/$3"
}

# limits_are APP QUOTA compares all limits of an app with what it asked for. runc has had two ways to make a weight of 512 shares.
limits_are() {
	local controller file wanted found
	{
		if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
			printf '%s\n' "memory memory.max 67108864" "memory memory.swap.max 33554432" "cpu cpu.weight (20|59)" "cpu cpu.max $2 100000"
		else
			printf '%s\n' "memory memory.limit_in_bytes 67108864" "memory memory.memsw.limit_in_bytes 100663296" "cpu cpu.shares 512" \
				"cpu cpu.cfs_quota_us ${2/max/-1}"
		fi
		echo "pids pids.max 50"
	} >$work.limits
	while read -r controller file wanted; do
		found=$(limit "$1" "$controller" "$file")
		echo "$file: $found"
		[[ $found =~ ^$wanted$ ]] || fail "$file of $1 is '$found', wanted $wanted"
	done <$work.limits
}

# limited NAME begins an app that all limits can be seen at.
limited() {
	mem=64 cpus=0.5 parameters='{"memory-swap": "96m", "pids-limit": "50"}' app "$1" 1 HOST 'sleep 3600'
	begin "$1"
	await 30 run_now "$1" 1
}

install_beside_an_engine() {
	install_package . "$work.log" || fail "$(cat "$work.log")"
	systemctl enable --now --quiet $unit
	await 10 status_says '0 tasks; the Docker Engine answers'
	await 10 engine_can_limit
}
engine_can_limit() { { mesos-docker-containerizer doctor || true; } | grep -q '^OK *engine_limits'; }

limits_of_a_task() {
	local weight
	limited limited
	limits_are limited max
	! weight=$(limit limited cpu cpu.weight 2>/dev/null) || echo "NOTE: cpu.weight of 0.5 CPUs: $weight"
}

# The daemon is restarted for it, and the first task goes on as it is.
hard_limit_of_cpus() {
	echo true >$flags/cgroups_enable_cfs
	systemctl restart $unit
	await 20 active
	limited quota
	limits_are quota 50000
	limits_are limited max
	finish quota
	rm $flags/cgroups_enable_cfs
	systemctl restart $unit
	await 20 active
}

apparmor() {
	local profile
	profile=$(cat "/proc/$(process limited)/attr/current")
	[[ $profile == 'docker-default (enforce)' ]] || fail "the task's profile is '$profile'"
	echo "NOTE: $profile"
}

# As docs/operating.md has it: the first process alone ends for lack of memory; a child's end counts for what the first makes of it.
# They wait until the daemon sees their memory: what ends before that has no figures.
out_of_memory() {
	local name
	for name in 'first exec tail /dev/zero' 'child tail /dev/zero; exit 3'; do
		mem=32 parameters='{"memory-swap": "32m"}' app "memory-${name%% *}" 1 HOST "until test -e /seen; do sleep 1; done; ${name#* }"
		begin "memory-${name%% *}"
	done
	for name in first child; do
		await 40 memory_seen memory-$name
		docker exec "$(docker ps --quiet --filter name=mdc-local-memory-$name)" sh -c ': >/seen'
	done
	for name in first child; do
		await 40 have_ended memory-$name 1
		jq -c 'select(.state == "TASK_FAILED") | [.reason, .message]' $work/memory-$name.json | tee $work.$name
	done
	wants $work.first REASON_CONTAINER_LIMITATION_MEMORY 'it ran out of memory: limit 32MiB, peak 32MiB, 1 process killed'
	wants $work.child 'status 3' 'a process in it was killed for lack of memory at some time (limit 32MiB, peak 32MiB, 1 process killed)'
	! grep -q REASON_CONTAINER_LIMITATION_MEMORY $work.child || fail "a child's end has the reason of the task's"
	await 20 gone memory-first
	await 20 gone memory-child
	[[ $(docker ps --all --quiet --filter label=mesos-docker-containerizer.instance | wc -l) == 1 ]] || fail "$(docker ps --all)"
}

memory_seen() {
	mesos-docker-containerizer ps --json | jq --exit-status --arg app "$1." 'any(.[]; (.task | startswith($app)) and .memory_used.usage > 0)' >/dev/null
}

begin_of_the_reboot() {
	systemctl is-enabled --quiet $unit
	run_now limited 1
	date '+%F %T' >$work.before
}

limits_after_the_reboot() {
	limited limited
	limits_are limited max
	apparmor
	finish limited
	await 20 no_containers
}
