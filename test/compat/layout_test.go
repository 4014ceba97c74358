package compat

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// oci is an image by its blobs.
type oci struct {
	blobs    map[string][]byte // by digest
	manifest string            // the manifest's digest
}

// ociFiles makes an image with one file, as the OCI specification describes it.
func ociFiles(t *testing.T) oci {
	t.Helper()
	image := oci{blobs: map[string][]byte{}}
	add := func(content []byte) string {
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(content))
		image.blobs[digest] = content
		return digest
	}
	layer := packed(t, map[string][]byte{"hello": []byte("hello\n")})
	layerDigest := add(layer)
	config := encoded(t, object{"architecture": runtime.GOARCH, "os": "linux", "config": object{"Cmd": []string{"/hello"}},
		"rootfs": object{"type": "layers", "diff_ids": []string{layerDigest}}})
	manifest := encoded(t, object{"schemaVersion": 2, "mediaType": manifestType,
		"config": object{"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(config), "digest": add(config)},
		"layers": []object{{"mediaType": "application/vnd.oci.image.layer.v1.tar", "size": len(layer), "digest": layerDigest}}})
	image.manifest = add(manifest)
	return image
}

// ociLayout is an image under a name as an OCI layout in an archive.
func ociLayout(t *testing.T, name string) io.Reader {
	t.Helper()
	image := ociFiles(t)
	files := map[string][]byte{
		"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`),
		"index.json": encoded(t, object{"schemaVersion": 2, "manifests": []object{{
			"mediaType": manifestType, "size": len(image.blobs[image.manifest]), "digest": image.manifest,
			"annotations": object{"io.containerd.image.name": "docker.io/library/" + name, "org.opencontainers.image.ref.name": "1"},
		}}}),
	}
	for digest, content := range image.blobs {
		files["blobs/"+strings.Replace(digest, ":", "/", 1)] = content
	}
	return bytes.NewReader(packed(t, files))
}

// packed is an archive of files.
func packed(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// packedDirectories is an archive of directories with modes.
func packedDirectories(t *testing.T, modes map[string]int64) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for name, mode := range modes {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// encoded is JSON.
func encoded(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
