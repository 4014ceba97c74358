package engine

import (
	"testing"

	"mesos-docker-containerizer/test/environment"
)

func TestInspectNetwork(t *testing.T) {
	c, err := New(Options{Socket: environment.Socket(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if found, err := c.InspectNetwork(t.Context(), "host"); err != nil || found.Driver != "host" {
		t.Errorf("%+v, %v", found, err)
	}
	for _, name := range []string{"no-such-network", "", "..", "host/../bridge"} {
		if found, err := c.InspectNetwork(t.Context(), name); !IsNotFound(err) {
			t.Errorf("%q: %+v, %v", name, found, err)
		}
	}
}
