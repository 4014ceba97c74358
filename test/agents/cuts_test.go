package agents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// errNotBegun says that a session has ended before its first output, as where the Engine did not answer in time.
var errNotBegun = errors.New("ended without output")

// cutSessions begins sessions in a container, eight at a time, cuts the client's connection in the middle of the output, and waits for
// the end of each: WAIT_CONTAINER has to answer. The command ends by itself after 5 s, since what docker exec has begun stays in the
// container. So this finds sessions that never end, and not those that go on after the cut.
func (r *run) cutSessions(n int) error {
	task := r.task(r.image, waits, func(t *mesos.TaskInfo) { t.Resources[1] = scalar("mem", 512) }) // docker exec leaves what it began
	up, err := r.begin(task)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	failures := make(chan error, n)
	slots := make(chan struct{}, 8)
	for i := range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := r.cutSession(session(up, fmt.Sprintf("cut-%d", i))); err != nil {
				failures <- fmt.Errorf("session %d: %w", i, err)
			}
		})
	}
	group.Wait()
	close(failures)
	hung, unbegun := 0, 0
	for err := range failures {
		if errors.Is(err, errNotBegun) {
			unbegun++
		} else {
			hung++
		}
		r.t.Log(err)
	}
	if _, err := r.kill(task, 0); err != nil {
		return err
	}
	if _, err := r.awaitEnd(task); err != nil {
		return err
	}
	left, err := r.docker.ContainerList(context.Background(), container.ListOptions{})
	r.t.Logf("%d connections cut, %d hung; %d sessions ended before that; %d containers left, %v", n-unbegun, hung, unbegun, len(left), err)
	if hung > 0 || unbegun == n {
		return fmt.Errorf("%d of %d sessions did not end after their client's connection was cut", hung, n-unbegun)
	}
	return nil
}

func (r *run) cutSession(id map[string]any) error {
	ctx, cut := context.WithCancel(context.Background())
	defer cut()
	response, err := r.callAgent(ctx, launchSession(id, "for i in $(seq 50); do echo line; sleep 0.1; done"))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := response.Body.Read(make([]byte, 1)); err == io.EOF {
		return errNotBegun
	} else if err != nil {
		return err
	}
	cut()
	_, err = r.waitSession(context.Background(), id)
	return err
}
