package environment

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// PSS is the proportional set size of a process in kB: what it has alone, and its share of what it has with others.
func PSS(pid int) (kB int, err error) {
	rollup, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer rollup.Close()
	for lines := bufio.NewScanner(rollup); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "Pss:"); ok {
			_, err := fmt.Sscan(text, &kB)
			return kB, err
		}
	}
	return 0, fmt.Errorf("process %d has no Pss", pid)
}
