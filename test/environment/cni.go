package environment

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// cniPlugins is where Debian's containernetworking-plugins are.
const cniPlugins = "/usr/lib/cni"

// CNIPlugins returns the directory with the reference plugins of CNI. Where the kernel cannot be driven by iptables as installed,
// the test's PATH has iptables-legacy in its place, as with-engine gives it to the Engine.
func CNIPlugins(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(cniPlugins, "portmap")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("NOT TESTED, Debian's package containernetworking-plugins is missing: %v", err)
	}
	if exec.Command("iptables", "-t", "nat", "--list").Run() == nil {
		return cniPlugins
	}
	links := t.TempDir()
	for _, name := range []string{"iptables", "ip6tables"} {
		if err := os.Symlink("/usr/sbin/"+name+"-legacy", filepath.Join(links, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", links+":"+os.Getenv("PATH"))
	return cniPlugins
}
