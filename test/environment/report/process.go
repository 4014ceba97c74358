package report

import (
	"os"
	"strings"
)

// status returns the fields of /proc/self/status with their blanks trimmed.
func status() (map[string]string, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	m := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok {
			m[k] = strings.TrimSpace(v)
		}
	}
	return m, nil
}

// limits returns /proc/self/limits, whose columns are of fixed width: 26 for the name, 21 for each limit.
func limits() (map[string]Limit, error) {
	b, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		return nil, err
	}
	const name, soft, hard = 26, 26 + 21, 26 + 21 + 21
	m := make(map[string]Limit)
	for line := range strings.Lines(string(b)) {
		if len(line) < hard || strings.HasPrefix(line, "Limit ") {
			continue
		}
		m[strings.TrimSpace(line[:name])] = Limit{
			Soft: strings.TrimSpace(line[name:soft]),
			Hard: strings.TrimSpace(line[soft:hard]),
		}
	}
	return m, nil
}
