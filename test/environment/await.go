package environment

import (
	"testing"
	"time"
)

// Eventually asks until a condition outside of this process holds. The test ends here where that takes longer than limit.
func Eventually(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(limit)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited %v for %s", limit, what)
		}
	}
}
