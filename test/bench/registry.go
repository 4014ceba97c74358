package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"mesos-docker-containerizer/test/environment/testimage"
)

// layerSize is what the image of the pull figures has beside the programs of every test image. It cannot be compressed.
const layerSize = 100 << 20

// registry is a registry in this process that has one image, by the name ref, and counts what is fetched.
type registry struct {
	server *httptest.Server
	ref    string

	content map[string]content // by the last part of the path
	bytes   atomic.Int64
}

type content struct {
	mediaType string
	bytes     []byte
}

func newRegistry() (*registry, error) {
	base, err := testimage.Base()
	if err != nil {
		return nil, err
	}
	random := make([]byte, layerSize)
	_, _ = rand.Read(random) // never fails
	var large bytes.Buffer
	w := tar.NewWriter(&large)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "content", Mode: 0o644, Size: layerSize}); err != nil {
		return nil, err
	}
	if _, err := w.Write(random); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	r := &registry{content: map[string]content{}}
	if err := r.addImage(base, large.Bytes()); err != nil {
		return nil, err
	}
	r.server = httptest.NewServer(r)
	r.ref = r.server.Listener.Addr().String() + "/bench:large"
	return r, nil
}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// add stores a blob and returns what a manifest says of it.
func (r *registry) add(mediaType string, b []byte) map[string]any {
	r.content[digest(b)] = content{mediaType, b}
	return map[string]any{"mediaType": mediaType, "size": len(b), "digest": digest(b)}
}

func (r *registry) addImage(layers ...[]byte) error {
	const (
		manifestType = "application/vnd.docker.distribution.manifest.v2+json"
		configType   = "application/vnd.docker.container.image.v1+json"
		layerType    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	)
	var plain []string
	var packed []any
	for _, layer := range layers {
		plain = append(plain, digest(layer))
		var zipped bytes.Buffer
		zip, err := gzip.NewWriterLevel(&zipped, gzip.BestSpeed)
		if err != nil {
			return err
		}
		if _, err := zip.Write(layer); err != nil {
			return err
		}
		if err := zip.Close(); err != nil {
			return err
		}
		packed = append(packed, r.add(layerType, zipped.Bytes()))
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "rootfs": map[string]any{"type": "layers", "diff_ids": plain},
		"config": map[string]any{"Cmd": []string{"sh"}, "Env": []string{"PATH=/bin"}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": r.add(configType, config), "layers": packed,
	})
	if err != nil {
		return err
	}
	r.add(manifestType, manifest)
	r.content["large"] = content{manifestType, manifest}
	return nil
}

func (r *registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path == "/v2/" {
		return
	}
	found, ok := r.content[q.URL.Path[strings.LastIndexByte(q.URL.Path, '/')+1:]]
	if !ok {
		http.NotFound(w, q)
		return
	}
	w.Header().Set("Content-Type", found.mediaType)
	w.Header().Set("Docker-Content-Digest", digest(found.bytes))
	http.ServeContent(&counter{w, &r.bytes}, q, "", time.Time{}, bytes.NewReader(found.bytes))
}

// counter counts the bytes of bodies.
type counter struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}
