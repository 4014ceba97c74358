package report

import (
	"io"
	"os"
	"syscall"
)

// maxContent bounds how much of a file is put into a report, in bytes.
const maxContent = 64 << 10

// File is what is found at a path, symbolic links followed.
type File struct {
	Error    string   `json:"error,omitempty"` // why it could not be read, e.g. that it does not exist
	Mode     string   `json:"mode,omitempty"`  // as in "drwxr-xr-x"
	UID      uint32   `json:"uid"`
	GID      uint32   `json:"gid"`
	Size     int64    `json:"size"`
	Content  string   `json:"content,omitempty"` // of a regular file, at most the first 64 KiB
	Entries  []string `json:"entries,omitempty"` // of a directory, by name
	Writable bool     `json:"writable"`          // for this process, tried by access(2)
}

func look(path string) File {
	info, err := os.Stat(path)
	if err != nil {
		return File{Error: err.Error()}
	}
	f := File{Mode: info.Mode().String(), Size: info.Size()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID = s.Uid, s.Gid
	}
	const write = 2 // W_OK
	f.Writable = syscall.Access(path, write) == nil

	switch {
	case info.IsDir():
		entries, err := os.ReadDir(path)
		if err != nil {
			f.Error = err.Error()
		}
		for _, e := range entries {
			f.Entries = append(f.Entries, e.Name())
		}
	case info.Mode().IsRegular():
		if f.Content, err = head(path); err != nil {
			f.Error = err.Error()
		}
	}
	return f
}

func head(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxContent))
	return string(b), err
}
