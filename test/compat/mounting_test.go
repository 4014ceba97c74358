package compat

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// mounting are rows about what is mounted into a container.
func mounting() []row {
	return []row{
		{
			name: "tmpfs-over-directory", request: "Tmpfs over directories with modes 0700, 2770 and 1777, and where there is none: modes of the mounts",
			ask: func(t *testing.T, e *engine) string {
				id := e.must(t, object{"Cmd": []string{"stat", "-c", "%a", "/a", "/b", "/c", "/new"}, "HostConfig": object{"Tmpfs": object{"/a": "", "/b": "", "/c": "", "/new": ""}}})
				directories := map[string]int64{"a/": 0o700, "b/": 0o2770, "c/": 0o1777}
				if a := e.send(t, "/v"+e.api, "PUT", "/containers/"+id+"/archive?path=/", "application/x-tar", bytes.NewReader(packedDirectories(t, directories))); a.status != 200 {
					t.Fatal(a)
				}
				e.start(t, id)
				e.wait(t, id)
				return e.output(t, id)
			},
			answers: []said{{"20.10", "700 2770 1777 1777"}},
			product: "passes the parameter: a task that needs a mode gives it (`/x:mode=1777`)",
		},
		{
			name: "bind-source-missing", request: "Binds of a path that is not there: start, made",
			ask: func(t *testing.T, e *engine) string {
				source := filepath.Join(shared(t), "missing")
				id, a := e.create(t, object{"HostConfig": object{"Binds": []string{source + ":/x"}}})
				_, err := os.Stat(source)
				b := e.ask(t, "POST", "/containers/"+id+"/start", nil)
				_, later := os.Stat(source)
				return fmt.Sprintf("%v, %v; made at create %t, at start %t", a, b, err == nil, later == nil)
			},
			answers: []said{{"20.10", "201, 204; made at create false, at start true"}},
			product: "uses binds wherever it can, so the Engine makes the directory",
		},
		{
			name: "mount-source-missing", request: "Mounts of a path that is not there, without and with BindOptions.CreateMountpoint",
			ask: func(t *testing.T, e *engine) string {
				directory := shared(t)
				var all string
				for i, options := range []object{{}, {"CreateMountpoint": true}} {
					source := filepath.Join(directory, fmt.Sprint("missing", i))
					_, a := e.create(t, object{"HostConfig": object{"Mounts": []object{{"Type": "bind", "Source": source, "Target": "/x", "BindOptions": options}}}})
					all += fmt.Sprintf("%v; ", a)
				}
				return strings.TrimSuffix(all, "; ")
			},
			answers: []said{{"20.10", "400; 400"}, {"26", "400; 201"}},
			product: "makes the source of a mount itself before the create",
		},
		{
			name: "create-mountpoint-in-older-api", request: "/v1.41: Mounts of a path that is not there with CreateMountpoint",
			ask: func(t *testing.T, e *engine) string {
				directory := shared(t)
				_, a := e.createAt(t, "/v1.41", "", object{"HostConfig": object{"Mounts": []object{{"Type": "bind", "Source": directory + "/missing", "Target": "/x", "BindOptions": object{"CreateMountpoint": true}}}}})
				return a.String()
			},
			answers: []said{{"20.10", "400"}},
			product: "makes the source of a mount itself before the create",
		},
		{
			name: "read-only-below", request: "ro bind of a directory with a mount below it: is that read-only?",
			ask: func(t *testing.T, e *engine) string {
				directory := shared(t)
				mountTmpfs(t, filepath.Join(directory, "below"))
				return e.prints(t, object{"Binds": []string{directory + ":/x:ro"}}, "touch /x/below/f 2>/dev/null && echo written || echo refused") + ", with ReadOnlyNonRecursive " +
					e.prints(t, object{"Mounts": []object{{"Type": "bind", "Source": directory, "Target": "/x", "ReadOnly": true, "BindOptions": object{"ReadOnlyNonRecursive": true}}}}, "touch /x/below/f 2>/dev/null && echo written || echo refused")
			},
			answers: []said{{"20.10", "written, with ReadOnlyNonRecursive written"}, {"26", "refused, with ReadOnlyNonRecursive written"}},
			product: "sends `ro` and no more: on Engine 20.10 a task can write what is mounted below a read-only volume, as `doctor` says",
		},
		{
			name: "mount-options-of-another-type", request: "Mounts of type volume with TmpfsOptions",
			ask: func(t *testing.T, e *engine) string {
				_, a := e.create(t, object{"HostConfig": object{"Mounts": []object{{"Type": "volume", "Target": "/x", "TmpfsOptions": object{"SizeBytes": 1}}}}})
				return a.String()
			},
			answers: []said{{"20.10", "201"}, {"26", "400"}},
			product: "writes the options of the mount's own type only",
		},
		{
			name: "copy-into-read-only", request: "PUT archive into a created container with ReadonlyRootfs: to its root, to a volume, to a rw bind",
			ask: func(t *testing.T, e *engine) string {
				id := e.must(t, object{"HostConfig": object{"ReadonlyRootfs": true, "Binds": []string{shared(t) + ":/bind"}}, "Volumes": object{"/volume": object{}}})
				var all []string
				for _, path := range []string{"/", "/volume", "/bind"} {
					all = append(all, e.put(t, id, path, "f").String())
				}
				return fmt.Sprint(all)
			},
			answers: []said{{"20.10", "[500 200 200]"}, {"28", "[400 200 200]"}},
			product: "refuses a secret volume in a container with `read-only` before the create",
		},
		{
			name: "copy-through-link", request: "PUT archive to / of a file below a link of the image that leads elsewhere",
			ask: func(t *testing.T, e *engine) string {
				image := environment.Image(t, testimage.Spec{Files: map[string]testimage.File{"/link": {Link: "/elsewhere"}, "/elsewhere/x": {Content: "x"}}})
				id := e.must(t, object{"Image": image, "Cmd": []string{"sh", "-c", "ls -l /link /elsewhere | wc -l; test -L /link && echo link; ls /elsewhere"}})
				a := e.put(t, id, "/", "link/f")
				e.start(t, id)
				e.wait(t, id)
				return fmt.Sprintf("%v; %q", a, e.output(t, id))
			},
			answers: []said{{"20.10", "200; \"6 link f x\""}},
			product: "copies secrets as one archive at `/`; a link of the image leads where it leads in the container",
		},
		{
			name: "volume-subpath", request: "Mounts of a volume with the directory s, with VolumeOptions.Subpath s and nosuch: create, start, what is mounted",
			ask: func(t *testing.T, e *engine) string {
				volume := e.volume(t)
				e.ran(t, object{"Cmd": []string{"mkdir", "-p", "/x/s/inner"}, "HostConfig": object{"Binds": []string{volume + ":/x"}}})
				var all []string
				for _, path := range []string{"s", "nosuch"} {
					id, a := e.create(t, object{"Cmd": []string{"ls", "/x"}, "HostConfig": object{"Mounts": []object{{"Type": "volume", "Source": volume, "Target": "/x", "VolumeOptions": object{"Subpath": path}}}}})
					if id == "" {
						all = append(all, a.String())
						continue
					}
					b := e.ask(t, "POST", "/containers/"+id+"/start", nil)
					if b.status == 204 {
						e.wait(t, id)
					}
					all = append(all, fmt.Sprintf("%v, %v %q", a, b, e.output(t, id)))
				}
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "201, 204 \"s\"; 201, 204 \"s\""}, {"26", "201, 204 \"inner\"; 201, 404 \"\""}},
			product: "refuses the parameter where the Engine is too old for it, instead of mounting all of the volume",
		},
		{
			name: "image-mount", request: "Mounts of type image",
			ask: func(t *testing.T, e *engine) string {
				id, a := e.create(t, object{"Cmd": []string{"sh", "-c", "ls -d /x/bin; touch /x/f 2>/dev/null || echo read-only"}, "HostConfig": object{"Mounts": []object{{"Type": "image", "Source": e.image, "Target": "/x"}}}})
				if id == "" {
					return a.String()
				}
				e.start(t, id)
				e.wait(t, id)
				return fmt.Sprintf("%v, %s", a, e.output(t, id))
			},
			answers: []said{{"20.10", "400"}, {"28", "201, /x/bin read-only"}},
			product: "passes the parameter; a refusal is the task's mistake",
		},
		{
			name: "tmpfs-options", request: "Tmpfs /x without options, Mounts of type tmpfs: options of the mounts; ShmSize 0: size of /dev/shm",
			ask: func(t *testing.T, e *engine) string {
				return e.prints(t, object{"Tmpfs": object{"/x": ""}, "Mounts": []object{{"Type": "tmpfs", "Target": "/y"}}, "ShmSize": 0},
					"grep -E ' /(x|y) ' /proc/mounts | cut -d ' ' -f 2,4 | sed 's/,inode64//'; df -k /dev/shm | tail -n 1 | xargs | cut -d ' ' -f 2")
			},
			answers: []said{{"20.10", "/x rw,nosuid,nodev,noexec,relatime /y rw,nosuid,nodev,noexec,relatime 65536"}},
			product: "passes the parameter: a program cannot be run from a tmpfs unless the task says `exec`",
		},
		{
			name: "target-twice", request: "Binds with two sources for one target; Binds and Mounts with one target; Binds and Tmpfs with one",
			ask: func(t *testing.T, e *engine) string {
				one, two := shared(t), shared(t)
				return e.creates(t, object{"Binds": []string{one + ":/x", two + ":/x"}}, object{"Binds": []string{one + ":/x"}, "Mounts": []object{{"Type": "bind", "Source": two, "Target": "/x"}}},
					object{"Binds": []string{one + ":/x"}, "Tmpfs": object{"/x": ""}})
			},
			answers: []said{{"20.10", "400; 400; 400"}},
			product: "passes the volumes; a refusal is the task's mistake",
		},
		{
			name: "file-over-directory", request: "Binds of a file on a directory of the image: start, State",
			ask: func(t *testing.T, e *engine) string {
				file := filepath.Join(shared(t), "f")
				if err := os.WriteFile(file, nil, 0o644); err != nil {
					t.Fatal(err)
				}
				return e.failedStart(t, e.must(t, object{"HostConfig": object{"Binds": []string{file + ":/etc"}}}))
			},
			answers: []said{{"20.10", "400; Status \"created\", ExitCode 127, StartedAt zero; events none"}},
			product: "looks at the program in the container before it says, of a status of 126 or 127, that it cannot be run",
		},
		{
			name: "device-missing", request: "Devices with a path that is not there: create, start, State",
			ask: func(t *testing.T, e *engine) string {
				id, a := e.create(t, object{"HostConfig": object{"Devices": []object{{"PathOnHost": "/dev/nosuch", "PathInContainer": "/dev/nosuch", "CgroupPermissions": "rwm"}}}})
				if id == "" {
					return a.String()
				}
				return fmt.Sprintf("%v, %s", a, e.failedStart(t, id))
			},
			answers: []said{{"20.10", "201, 500; Status \"created\", ExitCode 128, StartedAt zero; events none"}},
			product: "the task fails at the start with the Engine's words",
		},
	}
}
