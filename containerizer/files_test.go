package containerizer

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

const secretText = "hush, hush"

// withSecret gives a task a secret volume and a secret variable.
func withSecret(task mesos.TaskInfo, path string) mesos.TaskInfo {
	secret := &mesos.Secret{Type: mesos.Secret_VALUE, Value: &mesos.Secret_Value{Data: []byte(secretText)}}
	task.Container.Volumes = append(task.Container.Volumes, mesos.Volume{
		ContainerPath: path, Mode: mesos.RO.Enum(),
		Source: &mesos.Volume_Source{Type: mesos.Volume_Source_SECRET, Secret: secret},
	})
	task.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{
		{Name: "SECRET", Type: mesos.Environment_Variable_SECRET.Enum(), Secret: secret},
	}}
	return task
}

// The task sees its secret, whatever becomes of the Engine's answers.
func TestSecretVolume(t *testing.T) {
	for name, kind := range map[string]fakeengine.Kind{
		"answer lost, files copied":     fakeengine.LoseAnswer,
		"answer lost, files not copied": fakeengine.Break,
	} {
		t.Run(name, func(t *testing.T) {
			h, p := newFailingHost(t)
			p.Fault(kind, http.MethodPut, `/containers/.*/archive`, 1)
			e := h.newExecutor()
			e.launch(withSecret(dockerTask(t, environment.Busybox(t), `cat /run/deep/secret; echo " $SECRET"; stat -c %a /run/deep/secret`), "/run/deep/secret"))
			e.awaitExit()
			if stdout, stderr := e.readOutput(); stdout != secretText+" "+secretText+"\n444\n" {
				t.Errorf("stdout %q, stderr %q", stdout, stderr)
			}
			if n := p.Count(http.MethodPut, `/containers/.*/archive`); n != 2 {
				t.Errorf("the files were copied in %d calls, want 2", n)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}

// Neither the daemon's log at its most talkative nor the container's labels have a secret or a variable's value.
func TestSecretsAreNotShown(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	h := newHost(t, func(o *Options) { o.Logger = zap.New(core) })
	e := h.newExecutor()
	e.conn.Close()
	e.attach.Executor += "-2"
	e.attach.TaskEnvironment = map[string]string{"HOOK": secretText}
	e.connect(h.socket)
	e.launch(withSecret(dockerTask(t, environment.Busybox(t), `[ "$HOOK" = "$(cat /secret)" ]`), "/secret"))
	if exit := e.awaitExit(); exit.Code != 0 {
		t.Errorf("exit %+v", exit)
	}
	for _, c := range h.containers() {
		for key, value := range c.Labels {
			mustNotShow(t, "label "+key, value)
		}
	}
	e.done()
	h.awaitNoContainers()
	for _, entry := range logs.All() {
		mustNotShow(t, "log", fmt.Sprintf("%s %v", entry.Message, entry.ContextMap()))
	}
	if logs.Len() == 0 {
		t.Error("nothing was logged")
	}
}

func mustNotShow(t *testing.T, where, text string) {
	t.Helper()
	for _, form := range []string{secretText, base64.StdEncoding.EncodeToString([]byte(secretText))} {
		if strings.Contains(text, form) {
			t.Errorf("%s shows a secret: %q", where, text)
		}
	}
}

// A container that an earlier daemon had created gets its secrets from the one that starts it.
func TestAdoptedContainerGetsItsSecrets(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(withSecret(dockerTask(t, environment.Busybox(t), "cat /secret"), "/secret"))
	e.awaitExit()
	inspected, err := h.docker.ContainerInspect(context.Background(), e.state.ContainerID)
	if err != nil {
		t.Fatal(err)
	}
	h.stop()
	h.docker.ContainerRemove(context.Background(), e.state.ContainerID, container.RemoveOptions{Force: true})
	if _, err := h.docker.ContainerCreate(context.Background(), inspected.Config, inspected.HostConfig, nil, nil,
		strings.TrimPrefix(inspected.Name, "/")); err != nil {
		t.Fatal(err)
	}
	h.start()
	e.state = wire.State{Launch: e.state.Launch}
	e.output.Close()
	e.output = nil
	e.reconnect(h.socket)
	e.awaitExit()
	if stdout, stderr := e.readOutput(); stdout != secretText {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
	e.done()
	h.awaitNoContainers()
}
