package executor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap/zaptest"
)

// Only networks that the task names count, whatever else is in the directories.
func TestCNINetworks(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	write := func(directory, name, content string) string {
		t.Helper()
		file := filepath.Join(directory, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	blue := write(first, "10-blue.conf", `{"cniVersion": "0.3.1", "name": "blue", "type": "bridge"}`)
	list := write(second, "20-list.conflist", `{"name": "list", "plugins": [{"type": "bridge"}]}`)
	write(second, "again.conf", `{"name": "blue"}`)
	write(first, "other.conf", `{"name": "other"}`)
	write(first, "empty.conf", ``)
	write(first, "array.conf", `[{"name": "blue"}]`)
	write(first, "number.conf", `{"name": 7}`)
	write(first, "deep.conf", strings.Repeat(`{"a":`, 1<<17))
	write(first, "large.conf", `{"name": "large", "x": "`+strings.Repeat("x", maxCNIFileSize)+`"}`)
	if err := os.Mkdir(filepath.Join(first, "directory.conf"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(first, "pipe.conf"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nowhere", filepath.Join(first, "dangling.conf")); err != nil {
		t.Fatal(err)
	}
	e := newExecutor(Options{Logger: zaptest.NewLogger(t), CNIDirectories: []string{first, filepath.Join(first, "missing"), second}})
	named := func(names ...string) *mesos.TaskInfo {
		info := &mesos.TaskInfo{Container: &mesos.ContainerInfo{NetworkInfos: []mesos.NetworkInfo{{}}}}
		for _, name := range names {
			info.Container.NetworkInfos = append(info.Container.NetworkInfos, mesos.NetworkInfo{Name: &name})
		}
		return info
	}
	for _, test := range []struct {
		info *mesos.TaskInfo
		want map[string]string
	}{
		{&mesos.TaskInfo{}, nil},
		{named(), nil},
		{named("blue", "list", "docker", "large", ""), map[string]string{"blue": blue, "list": list}},
		{named("docker"), map[string]string{}},
	} {
		if diff := cmp.Diff(test.want, e.cniNetworks(test.info)); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
}

func TestCNIDirectoryOfThousands(t *testing.T) {
	directory := t.TempDir()
	for n := range maxCNIFiles + 1 {
		if err := os.WriteFile(filepath.Join(directory, fmt.Sprintf("%04d", n)), []byte(`{}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := searchCNI(directory, nil, nil); err == nil || !strings.Contains(err.Error(), "only 1000") {
		t.Errorf("error %v", err)
	}
}

func FuzzParseCNI(f *testing.F) {
	f.Add([]byte(`{"name": "blue"}`))
	f.Add([]byte(`{"name": ["blue"]}`))
	f.Add([]byte(`{"NAME": "\ud800"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		name, err := parseCNI(content)
		if err == nil && !json.Valid(content) {
			t.Errorf("%q was read", content)
		}
		if name != "" && !bytes.ContainsRune(content, '{') {
			t.Errorf("%q was read out of %q", name, content)
		}
	})
}
