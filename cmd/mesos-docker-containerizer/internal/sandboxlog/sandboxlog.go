// Package sandboxlog reads the output of a task from the files in its sandbox, through rotations.
//
// Nothing of ours rotates these files. An agent's log rotator (mesos-logrotate-logger, which calls logrotate) or an admin's logrotate
// does: it renames stdout to stdout.1, stdout.1 to stdout.2 and so on, or copies the file and cuts it to nothing (copytruncate). What
// was compressed is not read.
package sandboxlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"mesos-docker-containerizer/internal/beneath"
)

// maxRotated bounds the search for rotated files.
const maxRotated = 1000

// Reader reads one file's output, oldest first, and what is appended to it. It is for one goroutine. Close it.
type Reader struct {
	sandbox, name string
	file          *os.File // the one being read; nil before there is one
	read          int64    // bytes of file that were handed over
}

// Open reads a file of a sandbox from its beginning, rotated files included, or from where its last lines begin, unless lines is negative.
// The file need not exist yet. The error
// wraps os.ErrNotExist if the sandbox is gone.
func Open(sandbox, name string, lines int) (*Reader, error) {
	r := &Reader{sandbox: sandbox, name: name}
	files, err := r.rotated()
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, f := range files {
			if f != r.file {
				f.Close()
			}
		}
	}()
	if len(files) == 0 {
		_, err := os.Stat(sandbox)
		return r, err
	}
	r.file = files[len(files)-1] // the oldest
	if lines < 0 {
		return r, nil
	}
	last := true // no line comes after the file
	for _, f := range files {
		r.file = f
		if r.read, lines, err = lastLines(f, lines, &last); err != nil || lines == 0 {
			break
		}
	}
	return r, err
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// rotated opens all that is kept, the newest first. What is rotated meanwhile may be missing.
func (r *Reader) rotated() (files []*os.File, err error) {
	for i := range maxRotated {
		f, err := beneath.Open(r.sandbox, r.nth(i))
		switch {
		case errors.Is(err, os.ErrNotExist) && i == 0:
			continue // just renamed, or not there yet
		case errors.Is(err, os.ErrNotExist):
			return files, nil
		case err != nil:
			for _, f := range files {
				f.Close()
			}
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// nth is the name of the n-th file, from the newest.
func (r *Reader) nth(n int) string {
	if n == 0 {
		return r.name
	}
	return fmt.Sprintf("%s.%d", r.name, n)
}

// Copy writes all that has come since the last call. Lost is true if a file was cut or removed before it was read to its end.
func (r *Reader) Copy(to io.Writer) (lost bool, err error) {
	for {
		if r.file != nil {
			if err := r.copyFile(to); err != nil {
				return lost, err
			}
		}
		next, gap, err := r.next()
		lost = lost || gap
		if err != nil || next == nil {
			return lost, err
		}
		if r.file != nil {
			// It was renamed before it was read to its end, perhaps: once more, now that nothing is appended.
			err = errors.Join(r.copyFile(to), r.file.Close())
		}
		r.file, r.read = next, 0
		if err != nil {
			return lost, err
		}
	}
}

func (r *Reader) copyFile(to io.Writer) error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	n, err := io.Copy(to, io.NewSectionReader(r.file, r.read, max(0, info.Size()-r.read)))
	r.read += n
	return err
}

// next opens the file that follows the one that was read, nil if there is none yet. Lost is true if one between them is gone, or the
// file was cut.
func (r *Reader) next() (next *os.File, lost bool, err error) {
	var newer *os.File // the file before the one that is looked at
	keep := func(f *os.File) {
		if newer != nil {
			newer.Close()
		}
		newer = f
	}
	for i := range maxRotated {
		f, err := beneath.Open(r.sandbox, r.nth(i))
		if errors.Is(err, os.ErrNotExist) {
			if i == 0 {
				continue
			}
			break
		}
		if err != nil {
			keep(nil)
			return nil, false, err
		}
		if r.file != nil && same(f, r.file) {
			cut := r.cut(f)
			f.Close()
			return newer, cut, nil
		}
		keep(f)
	}
	if r.file == nil {
		return newer, false, nil // the oldest: nothing was read yet
	}
	if newer == nil {
		return nil, false, nil // nothing is there at the moment
	}
	return newer, true, nil
}

// cut starts over with a file that was made shorter, and says whether it was.
func (r *Reader) cut(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() >= r.read {
		return false
	}
	r.read = 0
	return true
}

func same(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// lastLines finds where the last lines of a file begin, and how many it lacks. The very last line need not have an end. Last is true until
// a file had something.
func lastLines(f *os.File, lines int, last *bool) (from int64, lacking int, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	end := info.Size()
	if lines == 0 {
		return end, 0, nil
	}
	buffer := make([]byte, 32<<10)
	for end > 0 {
		n := min(int64(len(buffer)), end)
		if _, err := f.ReadAt(buffer[:n], end-n); err != nil {
			return 0, 0, err
		}
		part := buffer[:n]
		if *last && part[n-1] == '\n' { // the end of the very last line begins no other
			part = part[:n-1]
		}
		*last = false
		for {
			at := bytes.LastIndexByte(part, '\n')
			if at < 0 {
				break
			}
			if lines--; lines == 0 {
				return end - n + int64(at) + 1, 0, nil
			}
			part = part[:at]
		}
		end -= n
	}
	return 0, lines, nil
}
