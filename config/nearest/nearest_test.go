package nearest

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	known := []string{"socket", "docker_socket", "log_driver", "containerizers", "port", "portMappings", "id", "env"}
	for name, want := range map[string]string{
		"sokcet": "socket", "DOCKER_SOCKET": "docker_socket", "logdriver": "log_driver", "containerizer": "containerizers",
		"prt": "port", "PORT": "port", "portMapings": "portMappings", "ports": "port", "Id": "id", "envs": "env",
		"x": "", "": "", "xyzzy": "", "labels": "", strings.Repeat("socket", 1<<16): "",
	} {
		if got := Name(name, known); got != want {
			t.Errorf("Name(%.80q) = %q, want %q", name, got, want)
		}
	}
}
