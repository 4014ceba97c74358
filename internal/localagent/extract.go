package localagent

import (
	"archive/tar"
	"archive/zip"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// extract unpacks an archive at the top of the sandbox, as the agent's fetcher does. A file whose name is not that of an archive stays
// as it is. All access is through the sandbox's root, so neither an entry nor a link of an earlier entry leads out of it.
func extract(ctx context.Context, sandbox *os.Root, name string) error {
	has := func(endings ...string) bool {
		for _, e := range endings {
			if strings.HasSuffix(name, e) {
				return true
			}
		}
		return false
	}
	if has(".tar.xz", ".txz") {
		return fmt.Errorf("cannot extract %s: xz is not supported here; fetch it with extract=false", name)
	}
	if !has(".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".zip", ".gz") {
		return nil
	}
	file, err := sandbox.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	// Reading ends with ctx, so that a huge archive cannot outlast the fetching.
	source := io.Reader(contextReader{ctx, file})

	switch {
	case has(".tar"):
		err = extractTar(sandbox, source)
	case has(".tar.gz", ".tgz"):
		var unpacked *gzip.Reader
		if unpacked, err = gzip.NewReader(source); err == nil {
			err = extractTar(sandbox, unpacked)
		}
	case has(".tar.bz2", ".tbz2"):
		err = extractTar(sandbox, bzip2.NewReader(source))
	case has(".zip"):
		err = extractZip(ctx, sandbox, file)
	default:
		var unpacked *gzip.Reader
		if unpacked, err = gzip.NewReader(source); err == nil {
			err = write(sandbox, strings.TrimSuffix(name, ".gz"), 0o644, unpacked)
		}
	}
	if err != nil {
		return fmt.Errorf("failed to extract '%s': %w", name, err)
	}
	return nil
}

// contextReader fails once its context has ended.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

func extractTar(sandbox *os.Root, source io.Reader) error {
	for archive := tar.NewReader(source); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := entryName(header.Name)
		if err != nil {
			return err
		}
		if err := extractTarEntry(sandbox, name, header, archive); err != nil {
			return fmt.Errorf("entry %q: %w", header.Name, err)
		}
	}
}

// extractTarEntry makes files, directories and links. Devices and the like are left out.
func extractTarEntry(sandbox *os.Root, name string, header *tar.Header, content io.Reader) error {
	if err := sandbox.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return sandbox.MkdirAll(name, 0o755)
	case tar.TypeReg:
		return writeEntry(sandbox, name, header.FileInfo().Mode(), content)
	case tar.TypeSymlink:
		if err := removeFile(sandbox, name); err != nil {
			return err
		}
		return sandbox.Symlink(header.Linkname, name)
	case tar.TypeLink:
		target, err := entryName(header.Linkname)
		if err != nil {
			return err
		}
		if err := removeFile(sandbox, name); err != nil {
			return err
		}
		return sandbox.Link(target, name)
	}
	return nil
}

func extractZip(ctx context.Context, sandbox *os.Root, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(file, info.Size())
	if err != nil {
		return err
	}
	for _, entry := range archive.File {
		name, err := entryName(entry.Name)
		if err != nil {
			return err
		}
		if entry.FileInfo().IsDir() {
			err = sandbox.MkdirAll(name, 0o755)
		} else if entry.Mode().IsRegular() {
			err = extractZipFile(ctx, sandbox, name, entry)
		}
		if err != nil {
			return fmt.Errorf("entry %q: %w", entry.Name, err)
		}
	}
	return nil
}

func extractZipFile(ctx context.Context, sandbox *os.Root, name string, entry *zip.File) error {
	content, err := entry.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	if err := sandbox.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return writeEntry(sandbox, name, entry.Mode(), contextReader{ctx, content})
}

// writeEntry replaces a file, rather than to write through a link that stands in its place.
func writeEntry(sandbox *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	if err := removeFile(sandbox, name); err != nil {
		return err
	}
	return write(sandbox, name, mode.Perm(), content)
}

// removeFile makes room for an entry; that nothing is there is fine, and a directory stays.
func removeFile(sandbox *os.Root, name string) error {
	info, err := sandbox.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errors.New("a directory is in its place")
	}
	return sandbox.Remove(name)
}

// entryName returns an archive entry's name relative to the sandbox. An entry that leads out of the sandbox is an error.
func entryName(name string) (string, error) {
	clean := filepath.Clean(name)
	if !filepath.IsLocal(clean) {
		return "", fmt.Errorf("entry %q leads out of the sandbox", name)
	}
	return clean, nil
}
