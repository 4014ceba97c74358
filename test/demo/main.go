// Command demo runs a Marathon app from its definition to its kill, and shows what happens. It is `make demo`.
//
//	go run ./test/demo PROGRAM APP.json
//
// It starts `PROGRAM run --output=json APP.json`, waits until every task runs, fetches the page of each through its first TCP
// host port, interrupts the program, and checks that each task was killed and that no container is left. Where the Engine does
// not have the image python:3 a stand-in is built for the time being, as nothing is pulled here. The exit status is 0 if all
// of it went as it should.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

const (
	demoLimit  = 3 * time.Minute  // for everything; first builds and slow machines are the reason
	fetchLimit = 30 * time.Second // for a web server to come up
	fetchPause = 100 * time.Millisecond
	shownLines = 12 // of a page
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: demo PROGRAM APP.json")
		os.Exit(2)
	}
	if err := demo(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context, program, app string) (err error) {
	engine, err := connect()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	remove, err := engine.standIn(ctx, "python:3")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()

	definition, err := os.ReadFile(app)
	if err != nil {
		return err
	}
	headline("the Marathon app " + app)
	fmt.Print(string(definition))
	var described struct{ Instances *int }
	if err := json.Unmarshal(definition, &described); err != nil {
		return fmt.Errorf("%s: %w", app, err)
	}
	instances := 1
	if described.Instances != nil {
		instances = *described.Instances
	}
	headline(strings.Join([]string{filepath.Base(program), "run", app}, " "))
	tasks, err := runApp(ctx, program, app, instances)
	if err != nil {
		return err
	}
	for id, t := range tasks {
		if t.state != "TASK_KILLED" || !t.fetched {
			return fmt.Errorf("task %s ended in %s, its page was fetched: %v", id, t.state, t.fetched)
		}
	}
	if err := engine.checkNothingLeft(ctx, tasks); err != nil {
		return err
	}
	headline(fmt.Sprintf("%d tasks ran, served their page and were killed; nothing is left behind", len(tasks)))
	return nil
}

func headline(text string) { fmt.Printf("\n=== %s\n\n", text) }

// event is what is read of the program's output.
type event struct {
	Time    time.Time `json:"time"`
	Task    string    `json:"task"`
	Name    string    `json:"name"`
	Event   string    `json:"event"`
	State   string    `json:"state"`
	Message string    `json:"message"`
	Line    string    `json:"line"`
	Ports   []struct {
		HostPort      int    `json:"host_port"`
		ContainerPort int    `json:"container_port"`
		Protocol      string `json:"protocol"`
	} `json:"ports"`
}

type task struct {
	state   string
	fetched bool
}

// runApp runs the app until all pages were fetched, then interrupts it, and returns how its tasks ended.
func runApp(ctx context.Context, program, app string, instances int) (map[string]*task, error) {
	command := exec.CommandContext(ctx, program, "run", "--output=json", app)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = time.Minute
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	tasks := map[string]*task{}
	kill := func() error { return command.Process.Signal(os.Interrupt) }
	readErr := follow(ctx, output, tasks, instances, kill)
	if readErr != nil { // the program has to end in any case, and what it says has to be read for that
		readErr = errors.Join(readErr, kill())
		_, _ = io.Copy(io.Discard, output)
	}
	if err := command.Wait(); err != nil {
		readErr = errors.Join(readErr, fmt.Errorf("%s: %w", program, err))
	}
	return tasks, readErr
}

// follow reads events to their end. It fetches the page of each task that runs, and calls kill when it has them all.
func follow(ctx context.Context, output io.Reader, tasks map[string]*task, instances int, kill func() error) error {
	var start time.Time
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("line %q: %w", lines.Text(), err)
		}
		if start.IsZero() {
			start = e.Time
		}
		t := tasks[e.Task]
		if t == nil {
			t = &task{}
			tasks[e.Task] = t
		}
		at := fmt.Sprintf("%+7.2fs %s", e.Time.Sub(start).Seconds(), e.Name)
		switch e.Event {
		case "status":
			t.state = e.State
			fmt.Println(at, e.State, e.Message)
		case "output":
			fmt.Println(at, "|", e.Line)
		case "ports":
			if err := fetchAll(ctx, at, e, t); err != nil {
				return err
			}
			if fetched(tasks) == instances {
				fmt.Println("\nevery page was fetched: interrupting the program, as Ctrl-C would")
				if err := kill(); err != nil {
					return err
				}
			}
		}
	}
	return lines.Err()
}

func fetched(tasks map[string]*task) int {
	n := 0
	for _, t := range tasks {
		if t.fetched {
			n++
		}
	}
	return n
}

// fetchAll lists a task's ports and shows the page behind each that speaks TCP.
func fetchAll(ctx context.Context, at string, e event, t *task) error {
	for _, p := range e.Ports {
		fmt.Printf("%s host port %d leads to port %d/%s of the container\n", at, p.HostPort, p.ContainerPort, p.Protocol)
	}
	for _, p := range e.Ports {
		if p.Protocol != "tcp" {
			continue
		}
		url := fmt.Sprintf("http://127.0.0.1:%d/", p.HostPort)
		page, err := fetch(ctx, url)
		if err != nil {
			return fmt.Errorf("page of %s: %w", e.Name, err)
		}
		fmt.Println("\nGET", url)
		show(page)
		t.fetched = true
	}
	return nil
}

// show prints the begin of a page.
func show(page string) {
	lines := strings.Split(strings.TrimSpace(page), "\n")
	for _, line := range lines[:min(len(lines), shownLines)] {
		fmt.Println("    " + line)
	}
	if more := len(lines) - shownLines; more > 0 {
		fmt.Printf("    … and %d lines more\n", more)
	}
	fmt.Println()
}

// fetch gets a page. A server that has only just been started may need some tries.
func fetch(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy
	ticker := time.NewTicker(fetchPause)
	defer ticker.Stop()
	for {
		page, err := fetchOnce(ctx, client, url)
		if err == nil {
			return page, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return "", err
		}
	}
}

func fetchOnce(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, response.Status)
	}
	return string(page), err
}
