package runspec_test

import (
	"fmt"
	"testing"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
)

// A secret whose path leads out of the container's own file system would be written there.
func TestSecretsStayInTheContainer(t *testing.T) {
	const parameter = `, "parameters": [{"key": %q, "value": %q}]`
	for _, test := range []struct{ name, secret, volume, docker, target string }{
		{"in the sandbox", testMapped + "/secret", "", "", testMapped},
		{"in a volume", "/data/keys/secret", "/data/", "", "/data/"},
		{"in place of a volume", "/data", "/data", "", "/data"},
		{"in a volume with a colon", "/da:ta/secret", "/da:ta", "", "/da:ta"},
		{"in a parameter's volume", "/v/secret", "", fmt.Sprintf(parameter, "volume", "/host:/v:ro"), "/v"},
		{"in an anonymous volume", "/v/secret", "", fmt.Sprintf(parameter, "volume", "/v"), "/v"},
		{"in a parameter's mount", "/v/secret", "", fmt.Sprintf(parameter, "mount", "type=volume,source=n,target=/v"), "/v"},
		{"in a tmpfs", "/run/secrets/secret", "", fmt.Sprintf(parameter, "tmpfs", "/run:size=1m"), "/run"},
		{"beside a volume", "/database/secret", "/data", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			volumes := `{"source": {"type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "aHVzaA=="}}}, "container_path": "` + test.secret + `", "mode": "RO"}`
			if test.volume != "" {
				volumes += `, {"host_path": "/host", "container_path": "` + test.volume + `", "mode": "RW"}`
			}
			task := taskOf(infoOf(t, dockerTask(test.docker, `, "volumes": [`+volumes+`]`, shellCommand)))
			options := runspec.Options{CopiesFiles: true, Parameters: parameters.NewSubprocess()}
			if test.target != "" {
				wantFault(t, task, options, fmt.Sprintf("a secret cannot be mounted at %q: that lies in what is mounted at %q, and would not stay in the container",
					test.secret, test.target), "container.volumes")
			} else if _, err := runspec.Translate(t.Context(), task, options); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("read-only", func(t *testing.T) {
		task := taskOf(infoOf(t, dockerTask(fmt.Sprintf(parameter, "read-only", "true"),
			`, "volumes": [{"source": {"type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "aHVzaA=="}}}, "container_path": "/s", "mode": "RO"}]`, shellCommand)))
		wantFault(t, task, runspec.Options{CopiesFiles: true, Parameters: parameters.NewSubprocess()},
			`a secret cannot be mounted at "/s": the container's file system is read-only by a parameter`, "container.volumes")
	})
}
