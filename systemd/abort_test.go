package systemd

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestDumpOnAbort(t *testing.T) {
	for name, tt := range map[string]struct {
		path func(directory string) string
		told string
	}{
		"written":         {func(d string) string { return filepath.Join(d, "goroutines.txt") }, "are in "},
		"replaces a link": {func(d string) string { p := filepath.Join(d, "link"); os.Symlink("elsewhere", p); return p }, "are in "},
		"no directory":    {func(d string) string { return filepath.Join(d, "none", "goroutines.txt") }, "could not be written: open "},
	} {
		t.Run(name, func(t *testing.T) {
			path := tt.path(t.TempDir())
			told, status := make(chan string, 1), make(chan int, 1)
			stop := dumpOnAbort(path, func(text string) { told <- text }, func(s int) { status <- s })
			if err := syscall.Kill(os.Getpid(), syscall.SIGABRT); err != nil {
				t.Fatal(err)
			}
			if text := <-told; !strings.Contains(text, tt.told) {
				t.Errorf("it says %q", text)
			}
			if s := <-status; s != 134 {
				t.Errorf("status %d", s)
			}
			stop()
			if !strings.Contains(tt.told, "are in") {
				return
			}
			info, err := os.Lstat(path)
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
			text, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(text), "TestDumpOnAbort") || !strings.Contains(string(text), "goroutine 1 ") {
				t.Errorf("%v: %.300s", err, text)
			}
		})
	}
}

func TestDumpOnAbortIsTakenBack(t *testing.T) {
	stop := dumpOnAbort(filepath.Join(t.TempDir(), "x"), func(string) { t.Error("told") }, func(int) { t.Error("ended") })
	stop()
}
