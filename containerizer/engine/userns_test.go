package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUsernsOf(t *testing.T) {
	remapped := []string{"name=seccomp,profile=builtin", "name=userns"}
	for name, test := range map[string]struct {
		options   []string
		directory string
		want      *Userns
	}{
		"remapped":                  {remapped, "/var/lib/docker/300000.300001", &Userns{300000, 300001}},
		"not":                       {remapped[:1], "/var/lib/docker", nil},
		"not, below a version":      {remapped[:1], "/data/28.5", nil},
		"root to root":              {remapped[:1], "/var/lib/docker/0.0", &Userns{}},
		"the directory is no range": {remapped, "/var/lib/docker", &Userns{-1, -1}},
		"more than a range":         {remapped, "/var/lib/docker/1.2.3", &Userns{-1, -1}},
		"negative":                  {remapped, "/var/lib/docker/-1.-2", &Userns{-1, -2}},
		"nothing is told":           {nil, "", nil},
	} {
		if diff := cmp.Diff(test.want, UsernsOf(test.options, test.directory)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
