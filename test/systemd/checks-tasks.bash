# shellcheck shell=bash disable=SC2154,SC2086
# Tasks, and a daemon or an Engine that goes away beneath them.

# busybox_image makes the image test/busybox:1 of the files in $work/image.
busybox_image() {
	local directory=$work/image applet
	mkdir -p "$directory/bin" "$directory/etc"
	cp /bin/busybox "$directory/bin"
	for applet in sh sleep echo httpd wget cat tail true false nc; do
		ln -sf busybox "$directory/bin/$applet"
	done
	echo page >"$directory/index.html"
	tar -c -C "$directory" . | docker import - test/busybox:1
}

images() {
	local directory=$work/image
	busybox_image
	dd if=/dev/urandom of="$directory/large" bs=1M count=150 status=none
	tar -c -C "$directory" . | docker import - 127.0.0.1:5000/large:1
	cat >"$work/registry.yml" <<-END
		version: 0.1
		storage: {filesystem: {rootdirectory: $work/registry}}
		http: {addr: "127.0.0.1:5000"}
	END
	systemd-run --quiet --unit=registry docker-registry serve "$work/registry.yml"
	await 20 curl -s -o /dev/null http://127.0.0.1:5000/v2/
	docker tag test/busybox:1 127.0.0.1:5000/busybox:1
	docker push --quiet 127.0.0.1:5000/busybox:1
	docker push --quiet 127.0.0.1:5000/large:1
	docker rmi --force 127.0.0.1:5000/busybox:1 127.0.0.1:5000/large:1
}

# page NAME fetches the page of an app through its host port.
page() {
	local port
	port=$(jq -r 'select(.event == "ports") | .ports[0].host_port' "$work/$1.json" | tail -1)
	[[ $(curl -s --max-time 5 "http://127.0.0.1:$port/index.html") == page ]]
}

app_on_a_host_network() {
	app host 1 HOST "httpd -f -p 18080 -h /"
	begin host
	await 30 run_now host 1
	[[ $(curl -s --retry 5 --retry-connrefused http://127.0.0.1:18080/index.html) == page ]] || fail 'there is no page'
	finish host
	have_ended host 1
	await 20 no_containers
}

app_on_a_bridge() {
	app bridge 2 BRIDGE "httpd -f -p 8080 -h /"
	begin bridge
	await 30 run_now bridge 2
	await 10 page bridge
	finish bridge
	await 20 no_containers
}

health_checks() {
	local kind
	declare -A check=(
		[http]='"protocol": "MESOS_HTTP", "path": "/index.html", "portIndex": 0'
		[tcp]='"protocol": "MESOS_TCP", "portIndex": 0'
		[command]='"protocol": "COMMAND", "command": {"value": "true"}'
		[failing]='"protocol": "COMMAND", "command": {"value": "false"}'
	)
	for kind in http tcp command failing; do
		app "health-$kind" 1 BRIDGE "httpd -f -p 8080 -h /" \
			", \"healthChecks\": [{${check[$kind]}, \"gracePeriodSeconds\": 0, \"intervalSeconds\": 1, \"delaySeconds\": 0, \"maxConsecutiveFailures\": 3}]"
		begin "health-$kind"
	done
	for kind in http tcp command; do
		await 40 grep -q '"healthy":true' "$work/health-$kind.json"
		finish "health-$kind"
	done
	await 40 have_ended health-failing 1
	wants "$work/health-failing.json" '"healthy":false'
	await 20 no_containers
}

# The daemon's unit lacks what CNI plugins need until docs/examples/cni.conf is there.
cni_network() {
	local address
	printf /usr/lib/cni >$flags/network_cni_plugins_dir
	mkdir -p /etc/cni/net.d $work/cni
	printf /etc/cni/net.d >$flags/network_cni_config_dir
	cat >/etc/cni/net.d/10-booted.conflist <<-END
		{"cniVersion": "0.4.0", "name": "booted", "plugins": [
		  {"type": "bridge", "bridge": "cni-booted", "isGateway": true, "ipMasq": true,
		   "ipam": {"type": "host-local", "dataDir": "$work/cni", "ranges": [[{"subnet": "10.124.0.0/29"}]]}}]}
	END
	systemctl restart $unit
	app cni 1 USER "httpd -f -p 8080 -h /" ', "ipAddress": {"networkName": "booted"}'
	begin cni
	await 30 have_ended cni 1
	wants $work/cni.json 'docs/cni.md has the file'
	await 10 gone cni

	mkdir -p /etc/systemd/system/$unit.d
	cp /usr/share/doc/mesos-docker-containerizer/docs/examples/cni.conf /etc/systemd/system/$unit.d/
	systemctl daemon-reload
	systemctl restart $unit
	begin cni
	await 40 run_now cni 1
	address=$(jq -r 'select(.event == "ports") | .addresses[0]' $work/cni.json | tail -1)
	[[ -f $work/cni/booted/$address ]] || fail "the address is '$address', the plugin gave $(ls $work/cni/booted)"
	[[ $(curl -s --retry 5 --retry-connrefused "http://$address:8080/index.html") == page ]] || fail "there is no page at $address"
	iptables-save | grep -qF "$address" || fail "there is no rule for $address"
	echo "NOTE: $address"
	finish cni
	await 20 no_containers
	[[ -z $(find $work/cni -name '10.*') ]] || fail "addresses are held: $(find $work/cni -name '10.*')"
	[[ -z $(ip -o link show master cni-booted) ]] || fail "left on the bridge: $(ip -o link show master cni-booted)"
	! iptables-save | grep -F "$address" || fail 'rules for the address are left'
	rm -r /etc/systemd/system/$unit.d /etc/cni/net.d/10-booted.conflist $flags/network_cni_plugins_dir $flags/network_cni_config_dir
	ip link delete cni-booted
	systemctl daemon-reload
	systemctl restart $unit
}

forced_pull() {
	image=127.0.0.1:5000/busybox:1 force=true app pull 1 HOST 'echo pulled; exec sleep 3600'
	begin pull
	await 40 run_now pull 1
	await 10 grep -q '"line":"pulled"' "$work/pull.json"
	finish pull
}

many_tasks() {
	app many "$tasks" HOST 'sleep 3600'
	begin many
	await 120 run_now many "$tasks"
	unharmed
	await 40 status_says "$tasks tasks; the Docker Engine answers"
	echo "NOTE: $tasks tasks"
}

restart_under_tasks() {
	systemctl restart $unit
	unharmed
}

kill_under_tasks() {
	local before
	before=$(shown MainPID)
	systemctl kill --signal=KILL --kill-whom=main $unit
	await 20 other_pid "$before"
	unharmed
}
other_pid() { active && [[ $(shown MainPID) != "$1" ]]; }

# Executors go on dialling; the stopped unit must not be started by that.
stop_under_tasks() {
	systemctl stop $unit
	sleep 10
	! active || fail 'the unit was started again'
	[[ $(ended many) == 0 && $(containers) == "$tasks" ]] || fail 'tasks have ended'
	systemctl start $unit
	unharmed
}

# The unit is overridden as an admin would, which makes the watchdog's turn short.
watchdog_under_tasks() {
	local before lines
	mkdir -p /run/systemd/system/$unit.d
	printf '[Service]\nWatchdogSec=4\nTimeoutAbortSec=20\n' >/run/systemd/system/$unit.d/short.conf
	systemctl daemon-reload
	systemctl restart $unit
	unharmed
	before=$(shown MainPID)
	rm -f /run/mesos-docker-containerizer/aborted.txt
	date '+%F %T' >"$work.since"
	kill -STOP "$before"
	await 60 other_pid "$before"
	unharmed
	lines=$(journalctl --unit $unit --since "$(cat "$work.since")" --output cat | wc -l)
	[[ $lines -lt 200 ]] || fail "$lines lines in the journal"
	wants /run/mesos-docker-containerizer/aborted.txt 'goroutine '
	echo "NOTE: $lines lines in the journal, $(wc -l </run/mesos-docker-containerizer/aborted.txt) in the file"
	rm -r /run/systemd/system/$unit.d
	systemctl daemon-reload
	systemctl restart $unit
	unharmed
}

engine_is_back() { docker version >/dev/null 2>&1; }

engine_restart_with_live_restore() {
	echo '{"live-restore": true}' >/etc/docker/daemon.json
	systemctl reload docker
	await 10 live_restore
	systemctl restart docker
	await 30 engine_is_back
	unharmed
}
live_restore() { [[ $(docker info --format '{{.LiveRestoreEnabled}}') == true ]]; }

engine_away_for_20_s() {
	systemctl stop docker.socket docker.service
	await 40 status_says 'does not answer'
	sleep 20
	systemctl start docker
	await 30 engine_is_back
	unharmed
	await 40 status_says "$tasks tasks; the Docker Engine answers"
}

# Without live-restore the Engine ends the containers, and each task is reported.
engine_restart_without_live_restore() {
	rm /etc/docker/daemon.json
	systemctl restart docker
	await 60 engine_is_back
	await 60 have_ended many "$tasks"
	[[ $(jq -r 'select(.state == "TASK_FAILED") | .task' "$work/many.json" | sort -u | wc -l) == "$tasks" ]] || fail "$(jq -c 'select(.event == "status")' "$work/many.json" | tail -3)"
	await 30 gone many
	await 60 no_containers
}

# A mistake makes the unit end again and again. The unit never fails for systemd; the count of restarts tells.
crash_loop_is_seen() {
	echo nonsense >$flags/prepare_timeout
	systemctl restart $unit || true
	await 30 restarted
	! systemctl is-failed --quiet $unit || fail 'is-failed does tell: docs/operating.md is wrong'
	rm $flags/prepare_timeout
	await 20 active
}
restarted() { [[ $(shown NRestarts) -ge 2 ]]; }
