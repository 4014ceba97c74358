package engine

import (
	"fmt"
	"path"
	"slices"
)

// Userns says that containers have a user namespace of their own (userns-remap), unless they ask for the host's.
type Userns struct{ UID, GID int } // their root's on the host; zero if that is the host's root, negative if the Engine does not tell

// UsernsOf reads info's SecurityOptions and DockerRootDir. The last part of the directory is UID.GID of the containers' root. It is nil
// where nothing is remapped. Some Engines that are told to remap root to itself have no such option, but the directory and all else.
func UsernsOf(securityOptions []string, rootDirectory string) *Userns {
	var u Userns
	last := path.Base(rootDirectory)
	if n, err := fmt.Sscanf(last, "%d.%d", &u.UID, &u.GID); n != 2 || err != nil || last != fmt.Sprintf("%d.%d", u.UID, u.GID) {
		u = Userns{-1, -1}
	}
	if slices.Contains(securityOptions, "name=userns") || u == (Userns{}) {
		return &u
	}
	return nil
}
