package localagent

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// entry is one member of a test archive. A link has a target instead of content.
type entry struct {
	name, content, target string
	kind                  byte
	mode                  int64
}

func tarball(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, e := range entries {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		if e.mode == 0 {
			e.mode = 0o644
		}
		header := &tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.target, Mode: e.mode, Size: int64(len(e.content))}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func zipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func zipFile(t testing.TB, name, content string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	file, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// fetchInto fetches one URI into a fresh directory inside a directory that must stay empty otherwise.
func fetchInto(t *testing.T, uri mesos.CommandInfo_URI) (string, error) {
	t.Helper()
	outside := t.TempDir()
	dir := filepath.Join(outside, "sandbox")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	err = fetchURI(wait(t), root, uri, patience)
	if entries, _ := os.ReadDir(outside); len(entries) != 1 {
		t.Errorf("something was written outside the sandbox: %v", entries)
	}
	return dir, err
}

func TestFetch(t *testing.T) {
	source := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(source, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inner := tarball(t, entry{name: "dir/", kind: tar.TypeDir}, entry{name: "dir/a", content: "A", mode: 0o755},
		entry{name: "link", target: "dir/a", kind: tar.TypeSymlink}, entry{name: "hard", target: "dir/a", kind: tar.TypeLink})
	plain := file("plain", []byte("hello"))

	for _, tc := range []struct {
		name string
		uri  mesos.CommandInfo_URI
		want map[string]string // file to content
		mode os.FileMode       // of each, if not 0
	}{
		{name: "path", uri: mesos.CommandInfo_URI{Value: plain}, want: map[string]string{"plain": "hello"}, mode: 0o644},
		{name: "file", uri: mesos.CommandInfo_URI{Value: "file://" + plain}, want: map[string]string{"plain": "hello"}},
		{name: "file on localhost", uri: mesos.CommandInfo_URI{Value: "file://localhost" + plain}, want: map[string]string{"plain": "hello"}},
		{name: "executable", uri: mesos.CommandInfo_URI{Value: plain, Executable: new(true)},
			want: map[string]string{"plain": "hello"}, mode: 0o755},
		{name: "renamed", uri: mesos.CommandInfo_URI{Value: plain, OutputFile: new("deep/down/name")},
			want: map[string]string{"deep/down/name": "hello"}},
		{name: "tar", uri: mesos.CommandInfo_URI{Value: file("a.tar", inner)},
			want: map[string]string{"dir/a": "A", "link": "A", "hard": "A", "a.tar": string(inner)}},
		{name: "tgz", uri: mesos.CommandInfo_URI{Value: file("a.tgz", zipped(t, inner))},
			want: map[string]string{"dir/a": "A", "link": "A"}},
		{name: "not extracted", uri: mesos.CommandInfo_URI{Value: file("b.tar", inner), Extract: new(false)},
			want: map[string]string{"b.tar": string(inner)}},
		{name: "gz", uri: mesos.CommandInfo_URI{Value: file("text.gz", zipped(t, []byte("text")))},
			want: map[string]string{"text": "text"}},
		{name: "zip", uri: mesos.CommandInfo_URI{Value: file("a.zip", zipFile(t, "x/y", "Y"))},
			want: map[string]string{"x/y": "Y"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, err := fetchInto(t, tc.uri)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range tc.want {
				got, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil || string(got) != want {
					t.Errorf("%s: %q, %v", name, got, err)
				}
				if info, err := os.Stat(filepath.Join(dir, name)); err == nil && tc.mode != 0 && info.Mode() != tc.mode {
					t.Errorf("%s: mode %o, want %o", name, info.Mode(), tc.mode)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "dir")); tc.name == "not extracted" && err == nil {
				t.Error("the archive was extracted")
			}
		})
	}
}

func TestFetchRefuses(t *testing.T) {
	source := t.TempDir()
	archive := func(name string, entries ...entry) string {
		path := filepath.Join(source, name)
		if err := os.WriteFile(path, tarball(t, entries...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	broken := filepath.Join(source, "broken.tgz")
	if err := os.WriteFile(broken, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, uri := range map[string]mesos.CommandInfo_URI{
		"missing":           {Value: "/nonexistent/file"},
		"directory":         {Value: source},
		"relative":          {Value: "some/file"},
		"relative file URI": {Value: "file://some/file"},
		"no file name":      {Value: "file:///tmp/"},
		"no path":           {Value: "http://host"},
		"empty":             {Value: ""},
		"other scheme":      {Value: "hdfs://host/file"},
		"output outside":    {Value: broken, OutputFile: new("../x")},
		"absolute output":   {Value: broken, OutputFile: new("/tmp/x")},
		"broken archive":    {Value: broken},
		"entry above":       {Value: archive("above.tar", entry{name: "../x", content: "X"})},
		"absolute entry":    {Value: archive("absolute.tar", entry{name: "/x", content: "X"})},
		"hard link above":   {Value: archive("hard.tar", entry{name: "x", target: "../../etc/passwd", kind: tar.TypeLink})},
		"through a link up": {Value: archive("up.tar",
			entry{name: "l", target: "..", kind: tar.TypeSymlink}, entry{name: "l/x", content: "X"})},
		"through a link out": {Value: archive("out.tar",
			entry{name: "l", target: "/tmp", kind: tar.TypeSymlink}, entry{name: "l/x", content: "X"})},
	} {
		if _, err := fetchInto(t, uri); err == nil {
			t.Errorf("%s: fetched", name)
		}
	}
}

func TestDownload(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/file":
			io.WriteString(w, "content")
		case "/slow":
			w.(http.Flusher).Flush()
			<-release
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	defer close(release)

	dir, err := fetchInto(t, mesos.CommandInfo_URI{Value: server.URL + "/file"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(got) != "content" {
		t.Errorf("fetched %q, %v", got, err)
	}

	a := newAgent(t, Options{FetchTimeout: 100 * time.Millisecond})
	for path, want := range map[string]string{
		"/missing?token=hush": "received HTTP return code 404",
		"/slow":               "context deadline exceeded",
	} {
		task := launch(t, a, mute, func(r *LaunchRequest) {
			r.Task.Command = &mesos.CommandInfo{URIs: []mesos.CommandInfo_URI{{Value: server.URL + path}}}
		})
		last, err := task.Wait(wait(t))
		if err != nil {
			t.Fatal(err)
		}
		start := "Failed to launch container: Failed to fetch all URIs for container '" + task.ContainerID + "': exited with status 1"
		if !strings.HasPrefix(last.GetMessage(), start) || !strings.Contains(last.GetMessage(), want) ||
			strings.Contains(last.GetMessage(), "hush") {
			t.Errorf("%s: message %q", path, last.GetMessage())
		}
		if !strings.Contains(output(task, "stderr"), want) {
			t.Errorf("%s: stderr of the sandbox: %q", path, output(task, "stderr"))
		}
	}
}

func TestCloseEndsAFetch(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	}))
	defer server.Close()
	defer close(release)
	a := newAgent(t, Options{})
	launch(t, a, mute, func(r *LaunchRequest) {
		r.Task.Command = &mesos.CommandInfo{URIs: []mesos.CommandInfo_URI{{Value: server.URL + "/x"}}}
	})
	<-asked
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("a.tar", tarball(f, entry{name: "a", content: "A"}, entry{name: "l", target: "..", kind: tar.TypeSymlink}))
	f.Add("a.tgz", zipped(f, tarball(f, entry{name: "../a", content: "A"})))
	f.Add("a.zip", zipFile(f, "d/a", "A"))
	f.Add("a.gz", zipped(f, []byte("A")))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		if len(content) > 1<<16 || filepath.Base(name) != name || strings.ContainsRune(name, 0) || len(name) > 200 ||
			name == "." || name == ".." {
			return
		}
		outside := t.TempDir()
		dir := filepath.Join(outside, "sandbox")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if err := write(root, name, 0o644, bytes.NewReader(content)); err != nil {
			t.Skip(err)
		}
		extract(t.Context(), root, name) // an error is as good as success, as long as nothing gets out
		if entries, _ := os.ReadDir(outside); len(entries) != 1 {
			t.Fatalf("something was written outside the sandbox: %v", entries)
		}
	})
}
