// Command bench measures what the chain of agent, executor and daemon costs, side by side in one run with the bare Engine calls
// that nobody can do without, by the same client on the same specs:
//
//	launch_seq_*      LAUNCH to TASK_RUNNING, one task after the other, against create + start + inspect (median; p95 beside it)
//	launch_par50_*    the same for 50 tasks at once: from the first LAUNCH to the last TASK_RUNNING
//	exit_to_terminal  from the death of the container's process to the terminal update, against the Engine's wait returning
//	kill_to_terminal  from the kill to TASK_KILLED, against stop
//	launch_absent_*   LAUNCH to TASK_RUNNING of 50 tasks at once whose image of 100 MB is absent, against a pull for each, then
//	                  create + start + inspect
//	pull_bytes_*      what the registry sent for these, against what it sent for the pulls of the baseline
//	executor_pss_50   proportional memory of one executor while 50 run
//	daemon_pss_50     the daemon's, with 50 tasks
//	daemon_peak_300   the daemon's at most while 300 tasks are launched at once (launch_par300_host),
//	daemon_pss_300    and a minute later
//	daemon_back_300   how long after the last TASK_RUNNING the daemon's memory was last a tenth above that
//	scrape_300_*      a scrape of the metrics with 300 tasks of 200 apps, by the version of control groups
//	view_300_*        a view of the status page with 300 tasks
//	http_checks_100   share of a processor that the daemon takes to probe 100 tasks over HTTP, each every second
//	output            how fast 1 GB of output gets to a file, against "docker start -a"
//	output_executor_* the executor's memory at most meanwhile
//	launch_stale*     from the start of a daemon that finds so many containers of dead executors (-stale=1500) to TASK_RUNNING of a task
//	remove_stale*     until they are removed
//
// In the launch figures executors have subscribed before the clock starts. The start of an executor, which is the agent's doing,
// is shown apart (start_*), without a baseline.
//
// It needs an Engine (DOCKER_HOST, else the default socket) and the programs in -programs. With BENCH_OUT=file the figures are
// written there as JSON.
package main
