package engine

import (
	"archive/tar"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
)

// packed makes an archive of one file.
func packed(t *testing.T, name, content string) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o444, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func TestCopyToACreatedContainer(t *testing.T) {
	socket := realSocket(t)
	c, ref := newClient(t, socket), busyboxImage(t, socket)
	id, _ := create(t, c, shell(ref, `[ "$(cat /new/directory/file)" = content ]`), nil)
	for range 2 { // repeating it changes nothing
		if err := c.CopyTo(t.Context(), id, packed(t, "new/directory/file", "content")); err != nil {
			t.Fatal(err)
		}
	}
	start(t, c, id)
	api := bareClient(t, socket)
	ended, failed := api.ContainerWait(t.Context(), id, container.WaitConditionNotRunning)
	select {
	case result := <-ended:
		if result.StatusCode != 0 {
			t.Errorf("the container sees no file of that content, status %d", result.StatusCode)
		}
	case err := <-failed:
		t.Fatal(err)
	}

	readOnly, _ := create(t, c, shell(ref, "true"), &container.HostConfig{NetworkMode: "none", ReadonlyRootfs: true})
	if err := c.CopyTo(t.Context(), readOnly, packed(t, "file", "content")); err == nil || IsUnavailable(err) || IsNotFound(err) {
		t.Errorf("into a read-only file system: %v", err)
	}
	if err := c.CopyTo(t.Context(), uniqueName(), packed(t, "file", "content")); !IsNotFound(err) {
		t.Errorf("into no container: %v", err)
	}
}

// A lost answer leaves the outcome open, and no error tells what was copied.
func TestCopyWithoutAnAnswer(t *testing.T) {
	c := newClient(t, newDouble(t, "", engineOf("1.41", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	})).socket)
	err := c.CopyTo(t.Context(), "c1", packed(t, "file", "hush"))
	if !IsUnavailable(err) || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
}
