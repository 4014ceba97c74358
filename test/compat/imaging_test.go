package compat

import (
	"fmt"
	"strings"
	"testing"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// imaging are rows about images.
func imaging() []row {
	return []row{
		{
			name: "image-container-config", request: "image inspect: ContainerConfig, DockerVersion, VirtualSize, Parent, Container",
			ask: func(t *testing.T, e *engine) string {
				a := e.ask(t, "GET", "/images/"+e.image+"/json", nil)
				var all []string
				for _, name := range []string{"ContainerConfig", "DockerVersion", "VirtualSize", "Parent", "Container"} {
					text := "absent"
					if a.at(name) != "absent" {
						text = "there"
					}
					all = append(all, name+" "+text)
				}
				return strings.Join(all, ", ")
			},
			answers: []said{{"20.10", "ContainerConfig there, DockerVersion there, VirtualSize there, Parent there, Container there"}, {"26", "ContainerConfig absent, DockerVersion there, VirtualSize absent, Parent there, Container absent"}},
			product: "adds ContainerConfig for agents, which need it",
		},
		{
			name: "image-config-members", request: "image inspect of an image that sets Cmd only: members of Config",
			ask: func(t *testing.T, e *engine) string {
				return keys(t, e.ask(t, "GET", "/images/"+e.image+"/json", nil), "Config")
			},
			answers: []said{{"20.10", "AttachStderr AttachStdin AttachStdout Cmd Domainname Entrypoint Env Hostname Image Labels OnBuild OpenStdin StdinOnce Tty User Volumes WorkingDir"}, {"28", "Cmd Entrypoint Env Labels OnBuild User Volumes WorkingDir"}},
			product: "reads a member that is not there as empty; agents get those they need",
		},
		{
			name: "image-id", request: "a loaded image: is its Id the digest of its configuration; RepoDigests, Descriptor",
			ask: func(t *testing.T, e *engine) string {
				a := e.ask(t, "GET", "/images/"+e.image+"/json", nil)
				_, tag, _ := strings.Cut(e.image, ":")
				is := strings.HasPrefix(a.at("Id"), `"sha256:`+tag)
				descriptor := "there"
				if a.at("Descriptor") == "absent" {
					descriptor = "absent"
				}
				return fmt.Sprintf("%t, %s of them, Descriptor %s", is, count(t, a, "RepoDigests"), descriptor)
			},
			answers: []said{{"20.10", "true, 0 of them, Descriptor absent"}, {"29", "false, 1 of them, Descriptor there"}},
			product: "takes the id for a name and never for a digest of anything",
		},
		{
			name: "container-image", request: "container inspect's Image equals image inspect's Id; list's ImageID",
			ask: func(t *testing.T, e *engine) string {
				id := e.must(t, object{})
				image := e.ask(t, "GET", "/images/"+e.image+"/json", nil).at("Id")
				var list []struct{ ImageID string }
				e.ask(t, "GET", `/containers/json?all=1&filters={"id":["`+id+`"]}`, nil).into(t, &list)
				return fmt.Sprintf("%t, %t", e.inspect(t, id).at("Image") == image, `"`+list[0].ImageID+`"` == image)
			},
			answers: []said{{"20.10", "true, true"}},
			product: "knows the image of a container by the id in the list",
		},
		{
			name: "image-missing", request: "create from an image that is not there; image inspect of it, of a name that is none",
			ask: func(t *testing.T, e *engine) string {
				_, a := e.create(t, object{"Image": "nosuch:1"})
				return fmt.Sprintf("%v; %v; %v", a, e.ask(t, "GET", "/images/nosuch:1/json", nil), e.ask(t, "GET", "/images/NOSUCH/json", nil))
			},
			answers: []said{{"20.10", "404; 404; 400"}},
			product: "asks for the image after a 404 of a create, and pulls if it is that",
		},
		{
			name: "image-platform-inspect", request: "image inspect?platform={\"os\":\"linux\",\"architecture\":\"arm64\"} of an image for amd64",
			ask: func(t *testing.T, e *engine) string {
				return e.ask(t, "GET", "/images/"+e.image+`/json?platform={"os":"linux","architecture":"arm64"}`, nil).String()
			},
			answers: []said{{"20.10", "200"}, {"28", "404"}},
			product: "sends the platform to Engines that know it and compares what comes back",
		},
		{
			name: "tag-with-digest", request: "tag?repo=name@sha256:…; create from name:tag@sha256:… of another image",
			ask: func(t *testing.T, e *engine) string {
				digest := "sha256:" + strings.Repeat("0", 64)
				a := e.ask(t, "POST", "/images/"+e.image+"/tag?repo=name@"+digest+"&tag=1", nil)
				_, b := e.create(t, object{"Image": e.image + "@" + digest})
				return fmt.Sprintf("%v; %v", a, b)
			},
			answers: []said{{"20.10", "201; 404"}, {"26", "400; 404"}},
			product: "pulls a name with tag and digest by its digest",
		},
		{
			name: "load-oci-layout", request: "POST /images/load of an OCI layout without manifest.json",
			ask: func(t *testing.T, e *engine) string {
				a := e.send(t, "/v"+e.api, "POST", "/images/load?quiet=1", "application/x-tar", ociLayout(t, "oci-layout:1"))
				t.Cleanup(func() { e.ask(t, "DELETE", "/images/oci-layout:1", nil) })
				return fmt.Sprintf("%v, an error in the body %t; then inspect %v", a, strings.Contains(string(a.body), "errorDetail"), e.ask(t, "GET", "/images/oci-layout:1/json", nil))
			},
			answers: []said{{"20.10", "200, an error in the body true; then inspect 404"}, {"29", "200, an error in the body false; then inspect 200"}},
			product: "loads nothing",
		},
		{
			name: "image-list-members", request: "an element of /images/json: members",
			ask: func(t *testing.T, e *engine) string {
				a := e.ask(t, "GET", `/images/json?filters={"reference":["`+e.image+`"]}`, nil)
				return keys(t, answer{body: []byte(`{"x":` + strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(a.body)), "["), "]") + `}`)}, "x")
			},
			answers: []said{{"20.10", "Containers Created Id Labels ParentId RepoDigests RepoTags SharedSize Size VirtualSize"}, {"26", "Containers Created Id Labels ParentId RepoDigests RepoTags SharedSize Size"}, {"29", "Containers Created Descriptor Id Labels ParentId RepoDigests RepoTags SharedSize Size"}},
			product: "reads Id, RepoTags, RepoDigests, ParentId and Size",
		},
		{
			name: "repo-tags-order", request: "RepoTags of an image tagged b:1, then a:2, then a:1",
			ask: func(t *testing.T, e *engine) string {
				image := environment.Image(t, testimage.Spec{Cmd: []string{t.Name()}})
				for _, name := range []string{"order-b:1", "order-a:2", "order-a:1"} {
					repository, tag, _ := strings.Cut(name, ":")
					e.ask(t, "POST", "/images/"+image+"/tag?repo="+repository+"&tag="+tag, nil)
					t.Cleanup(func() { e.ask(t, "DELETE", "/images/"+name, nil) })
				}
				return plain(e.ask(t, "GET", "/images/"+image+"/json", nil).at("RepoTags"), image, "IMAGE")
			},
			answers: []said{{"20.10", "[\"IMAGE\",\"order-a:1\",\"order-a:2\",\"order-b:1\"]"}},
			product: "does not depend on the order",
		},
		{
			name: "image-store", request: "a fresh Engine without --storage-driver: info's Driver, its kind of store; a loaded image: is its Id the digest of its configuration; Descriptor",
			ask:     func(t *testing.T, e *engine) string { return started{fresh: true}.engine(t).imageStore(t) },
			answers: []said{{"20.10", "\"overlay2\", of the Engine's own; true, Descriptor is there false"}, {"29", "\"overlayfs\", containerd's; false, Descriptor is there true"}},
			product: "takes the id for a name and never for a digest of anything; images are counted and removed by what the Engine lists; `doctor` says which store it is",
		},
		{
			name: "image-store-by-feature", request: "the same with the feature containerd-snapshotter in daemon.json",
			ask: func(t *testing.T, e *engine) string {
				return started{fresh: true, features: object{"containerd-snapshotter": true}}.engine(t).imageStore(t)
			},
			answers: []said{{"20.10", "\"overlay2\", of the Engine's own; true, Descriptor is there false"}, {"26", "\"overlayfs\", containerd's; false, Descriptor is there false"}, {"28", "\"overlayfs\", containerd's; false, Descriptor is there true"}},
			product: "the same",
		},
		{
			name: "remove-image-in-use", request: "DELETE an image of a running container: without force, with; of one that has ended: without",
			ask: func(t *testing.T, e *engine) string {
				image := environment.Image(t, testimage.Spec{Cmd: []string{"sleep", "60"}})
				id := e.started(t, object{"Image": image, "Cmd": []string{"sleep", "60"}})
				var all []string
				all = append(all, e.ask(t, "DELETE", "/images/"+image, nil).String(), e.ask(t, "DELETE", "/images/"+image+"?force=1", nil).String())
				e.ask(t, "POST", "/containers/"+id+"/kill", nil)
				e.wait(t, id)
				all = append(all, e.ask(t, "DELETE", "/images/"+image, nil).String())
				return strings.Join(all, "; ")
			},
			answers: []said{{"20.10", "409; 200; 404"}},
			product: "removes no image of a container that it knows, and never forces",
		},
		{
			name: "image-that-lost-its-name", request: "the only name of an image is given to another: RepoTags and RepoDigests of the first in the list, inspect by its id",
			ask: func(t *testing.T, e *engine) string {
				first, second := environment.Image(t, testimage.Spec{Cmd: []string{t.Name() + "1"}}), environment.Image(t, testimage.Spec{Cmd: []string{t.Name() + "2"}})
				id := strings.Trim(e.ask(t, "GET", "/images/"+first+"/json", nil).at("Id"), `"`)
				repository, tag, _ := strings.Cut(first, ":")
				e.ask(t, "POST", "/images/"+second+"/tag?repo="+repository+"&tag="+tag, nil)
				var list []struct {
					ID                    string
					RepoTags, RepoDigests []string
				}
				e.ask(t, "GET", "/images/json", nil).into(t, &list)
				text := "not listed"
				for _, image := range list {
					if image.ID == id {
						text = fmt.Sprintf("%q %q", image.RepoTags, image.RepoDigests)
					}
				}
				return fmt.Sprintf("%s, %v", text, e.ask(t, "GET", "/images/"+id+"/json", nil))
			},
			answers: []said{{"20.10", "[\"<none>:<none>\"] [\"<none>@<none>\"], 200"}, {"26", "[] [], 200"}},
			product: "counts an image without a name as unused once no container has it",
		},
		{
			name: "pull-of-another-platform", request: "pull?platform=linux/arm64 of an image for amd64; pull of a tag that is not there",
			ask: func(t *testing.T, e *engine) string {
				network := newNetwork(t)
				registry := network.plainRegistry(t)
				own := started{network: network}.engine(t)
				pulled := func(query string) string {
					a := own.ask(t, "POST", "/images/create?fromImage="+registry+"/app&"+query, nil)
					return fmt.Sprintf("%v, an error in the body %t", a, strings.Contains(string(a.body), "errorDetail"))
				}
				return pulled("tag=1&platform=linux/arm64") + "; " + pulled("tag=2")
			},
			answers: []said{{"20.10", "200, an error in the body false; 500, an error in the body false"}, {"26", "200, an error in the body true; 500, an error in the body false"}, {"28", "200, an error in the body false; 500, an error in the body false"}},
			product: "compares the platform of what was pulled with what was asked for, and reads the errors in the body",
		},
	}
}
