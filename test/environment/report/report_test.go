package report

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCollectSeesThisProcess(t *testing.T) {
	t.Setenv("REPORT_TEST", "first=\nsecond")
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("content"), 0o640); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()

	r := Collect([]string{dir, file, "/does/not/exist"})
	if len(r.Errors) > 0 {
		t.Errorf("errors: %v", r.Errors)
	}
	if v, ok := r.Getenv("REPORT_TEST"); !ok || v != "first=\nsecond" {
		t.Errorf("Getenv = %q, %t", v, ok)
	}
	if _, ok := r.Getenv("REPORT_TEST_UNSET"); ok {
		t.Error("Getenv found a variable that is not set")
	}
	if r.PID != os.Getpid() || r.UID != os.Getuid() || r.Status["CapEff"] == "" || r.Limits["Max open files"].Soft == "" {
		t.Errorf("process facts missing: %+v", r)
	}
	if _, ok := r.MountAt("/"); !ok {
		t.Error("no mount at /")
	}
	if !slices.Contains(r.Interfaces["lo"], "127.0.0.1/8") {
		t.Errorf("interfaces: %v", r.Interfaces)
	}
	for _, want := range []Socket{
		{Network: "tcp", Address: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port},
		{Network: "udp", Address: "127.0.0.1", Port: packets.LocalAddr().(*net.UDPAddr).Port},
	} {
		if !slices.Contains(r.Listening, want) {
			t.Errorf("%+v is not among %+v", want, r.Listening)
		}
	}
	if f := r.Files[file]; f.Content != "content" || f.Mode != "-rw-r-----" || f.Size != 7 || f.Error != "" {
		t.Errorf("file: %+v", f)
	}
	if f := r.Files[dir]; !slices.Equal(f.Entries, []string{"file"}) || !f.Writable {
		t.Errorf("directory: %+v", f)
	}
	if f := r.Files["/does/not/exist"]; f.Error == "" {
		t.Errorf("absent file without an error: %+v", f)
	}
}

func TestParseMount(t *testing.T) {
	got, err := parseMount(`36 35 98:0 /dir\040one /mnt/with\134slash rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue`)
	if err != nil {
		t.Fatal(err)
	}
	want := Mount{
		Target: `/mnt/with\slash`, Root: "/dir one", Type: "ext3", Source: "/dev/root",
		Options: []string{"rw", "noatime"}, Super: []string{"rw", "errors=continue"}, Tags: []string{"shared:1", "master:2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "36 35 98:0 / /mnt rw", "- ext3 none rw", "36 35 98:0 / /mnt rw - ext3"} {
		if _, err := parseMount(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestParseSocketAddress(t *testing.T) {
	for in, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000:0050":                         "0.0.0.0:80",
		"00000000000000000000000001000000:0016": "[::1]:22",
	} {
		if got, err := parseSocketAddress(in); err != nil || got != netip.MustParseAddrPort(want) {
			t.Errorf("%s: %v, %v; want %s", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "0100007F", "0100007F:", "zz00007F:0050", "01:0050", "0100007F:10000"} {
		if _, err := parseSocketAddress(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}
