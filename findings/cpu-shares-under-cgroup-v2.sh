#!/usr/bin/env bash
# runc on cgroup v2, github.com/opencontainers/runc v1.1.15 (the conversion is the same until 1.3.1) and github.com/opencontainers/cgroups
# v0.0.4, which runc 1.3.2 and newer link.
#
# CPU shares of cgroup v1 and cpu.weight of v2 are both proportional, so one expects the weight to be the shares by a factor. It is not:
# 1. Until runc 1.3.1 a container with 1024 shares, which is the default of v1 and equal to any other process there, gets the weight 39. A
#    service of systemd and a container that asks for nothing have 100, and so 2.5 times as much.
# 2. From runc 1.3.2 on 1024 shares are 100, but by a curve that is not straight: a container with a tenth of the shares of another gets a
#    sixth of its weight, no longer a tenth.
# So tasks get other parts of a busy host by an upgrade of runc alone, and tasks that were started before it are weighed against those after.
#
# Output seen:
#   shares   runc 1.1.15   cgroups 0.0.4
#        2             1               1
#      102             4              17
#      512            20              59
#     1024            39             100
#     2048            79             174
#   262144         10000           10000
# shellcheck source=findings/lib.sh
source "$(dirname "$0")/lib.sh"

program github.com/opencontainers/runc@v1.1.15 github.com/opencontainers/cgroups@v0.0.4 <<'END'
package main

import (
	"fmt"

	"github.com/opencontainers/cgroups"
	old "github.com/opencontainers/runc/libcontainer/cgroups"
)

func main() {
	for _, shares := range []uint64{2, 102, 512, 1024, 2048, 262144} {
		fmt.Println(shares, old.ConvertCPUSharesToCgroupV2Value(shares), cgroups.ConvertCPUSharesToCgroupV2Value(shares))
	}
}
END
./program >seen
printf '%8s %13s %15s\n' shares 'runc 1.1.15' 'cgroups 0.0.4'
while read -ra row; do printf '%8s %13s %15s\n' "${row[@]}"; done <seen
diff - seen <<'END' || fail 'the weights are others than when this was written'
2 1 1
102 4 17
512 20 59
1024 39 100
2048 79 174
262144 10000 10000
END
