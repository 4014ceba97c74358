package agents

import (
	"context"
	"fmt"
	"sync"

	"github.com/docker/docker/api/types/container"
)

// cutSessions begins sessions in a container, eight at a time, cuts the client's connection in the middle of the output, and waits for
// the end of each: the agent ends a session whose client has gone, so that WAIT_CONTAINER has to answer.
func (r *run) cutSessions(n int) error {
	task := r.task(r.image, waits)
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
	count := 0
	for err := range failures {
		count++
		r.t.Log(err)
	}
	if _, err := r.kill(task, 0); err != nil {
		return err
	}
	if _, err := r.awaitEnd(task); err != nil {
		return err
	}
	left, err := r.docker.ContainerList(context.Background(), container.ListOptions{})
	r.t.Logf("%d connections cut, %d hung; %d containers left, %v", n, count, len(left), err)
	if count > 0 {
		return fmt.Errorf("%d of %d sessions did not end after their client's connection was cut", count, n)
	}
	return nil
}

func (r *run) cutSession(id map[string]any) error {
	ctx, cut := context.WithCancel(context.Background())
	defer cut()
	response, err := r.callAgent(ctx, launchSession(id, "while :; do echo line; sleep 0.01; done"))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := response.Body.Read(make([]byte, 1)); err != nil {
		return err
	}
	cut()
	_, err = r.waitSession(context.Background(), id)
	return err
}
