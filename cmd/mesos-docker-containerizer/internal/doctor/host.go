package doctor

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"

	"golang.org/x/sys/unix"
)

func (d *doctor) kernel(context.Context) finding {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return failed(fmt.Sprintf("uname: %v", err), "see which kernel this is")
	}
	return judgeKernel(unix.ByteSliceToString(name.Release[:]))
}

// judgeKernel takes the name of a kernel's release. Tests are made without the system calls of later kernels than the one that is needed.
func judgeKernel(release string) finding {
	version, _, _ := strings.Cut(release, "-")
	if parts := strings.SplitN(version, ".", 3); len(parts) >= 2 && older(parts[0]+"."+parts[1], "4.18") {
		return failed("Linux "+release+"; 4.18 is needed", "upgrade the kernel")
	}
	return ok("Linux %s", release)
}

// unit is the daemon's, which `make install` and the packages bring.
const unit = "mesos-docker-containerizer.service"

// systemd looks whether the daemon comes up with the host, and whether executors outlive the agent's unit.
func (d *doctor) systemd(ctx context.Context) finding {
	if d.Systemctl == "" {
		return skipped("systemd does not run here")
	}
	var all findings
	// The statuses of these commands only repeat their words.
	if state := d.systemctl(ctx, "is-enabled", unit); state != "enabled" {
		all = append(all, warning(fmt.Sprintf("%s is %s at boot", unit, orNotSet(state)), "systemctl enable "+unit))
	}
	state := d.systemctl(ctx, "is-active", unit)
	restarts, _ := strconv.Atoi(d.systemctl(ctx, "show", "--property=NRestarts", "--value", unit))
	switch {
	case state == "activating" && restarts > 0:
		all = append(all, failed(fmt.Sprintf("%s ends as soon as it is started: systemd has started it again %d times", unit, restarts),
			"journalctl -u "+unit+" says why"))
	case state != "active":
		all = append(all, failed(fmt.Sprintf("%s is %s", unit, orNotSet(state)), "systemctl start "+unit))
	case restarts > 0:
		all = append(all, warning(fmt.Sprintf("%s has ended %d times by itself since it was last started by hand", unit, restarts),
			"journalctl -u "+unit+" says why; systemctl restart "+unit+" sets the number back"))
	}
	if d.flags()["systemd_enable_support"] == "false" && d.hasDocker() {
		all = append(all, warning("systemd_enable_support=false: executors are in the agent's own unit", "see that its KillMode is process, or a restart of the agent ends all tasks"))
	}
	return all.joined("the service is enabled and active")
}

func (d *doctor) systemctl(ctx context.Context, arguments ...string) string {
	answer, _ := exec.CommandContext(ctx, d.Systemctl, arguments...).Output()
	return strings.TrimSpace(string(answer))
}

func (d *doctor) diskOfSandboxes(context.Context) finding {
	path := cmp.Or(d.flags()["work_dir"], d.Config.WorkDir)
	if path == "" {
		return skipped("work_dir is not known: the agent does not tell it, and it is not set")
	}
	return disk(path, "lower the agent's gc_delay, or remove what does not belong there")
}

func (d *doctor) diskOfEngine(h dockerHost) finding {
	if h.info.DockerRootDir == "" {
		return skipped(noEngine)
	}
	return disk(h.info.DockerRootDir, "docker system df; set image_gc_delay, and image_gc_disk_threshold with it, so that unused images go ("+words.Page("images.md")+")")
}

// Shares of a disk that have to be free.
const (
	lowShare  = 10 // per cent
	noneShare = 2
)

// disk looks at space and inodes, as they are for users: what is reserved for root is no use to tasks.
func disk(path, advice string) finding {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return failed(fmt.Sprintf("%s: %v", path, err), "make the directory, or mount its disk")
	}
	space := share(s.Bavail, s.Blocks-s.Bfree+s.Bavail)
	inodes := share(s.Ffree, s.Files)
	seen := fmt.Sprintf("%s: %d MB are free, which is %d%%, and %d%% of the inodes", path, s.Bavail*uint64(s.Bsize)>>20, space, inodes)
	switch least := min(space, inodes); {
	case least < noneShare:
		return failed(seen, advice)
	case least < lowShare:
		return warning(seen, advice)
	}
	return ok("%s", seen)
}

// share is free of all in per cent; file systems without a limit on something say that there are 0 of it.
func share(free, all uint64) uint64 {
	if all == 0 {
		return 100
	}
	return free * 100 / all
}
