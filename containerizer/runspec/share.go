package runspec

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// shareWithGroup lets a group write to a directory and to what is in it, and changes no owner. Symlinks are not followed. Other file
// systems that are mounted below, files with another name elsewhere (hard links), those that change the user (set-id) and whatever is
// neither file nor directory are left alone, for a task may have put them there.
func shareWithGroup(ctx context.Context, directory string, group int) error {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer root.Close()
	top, err := root.Lstat(".")
	if err != nil {
		return err
	}
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		var info fs.FileInfo
		if err == nil {
			info, err = root.Lstat(name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil {
			return err
		}
		mode, of := info.Mode(), info.Sys().(*syscall.Stat_t)
		switch {
		case of.Dev != top.Sys().(*syscall.Stat_t).Dev:
			if info.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !info.IsDir() && (!mode.IsRegular() || of.Nlink > 1 || mode&(fs.ModeSetuid|fs.ModeSetgid) != 0):
			return nil
		}
		if err := root.Lchown(name, -1, group); err != nil {
			return err
		}
		wanted := mode&(fs.ModePerm|fs.ModeSticky|fs.ModeSetuid|fs.ModeSetgid) | 0o060 | mode&0o100>>3 // the group may run what its owner may
		if wanted == mode&^fs.ModeType {
			return nil
		}
		return root.Chmod(name, wanted)
	})
}
