// Command prometheus has a real Prometheus scrape a daemon and judge what it shows; see the script run beside it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"mesos-docker-containerizer/test/environment"
)

// patience bounds every wait.
const patience = 3 * time.Minute

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "test-prometheus:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	h, err := newHost(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.startTasks(ctx); err != nil {
		return err
	}
	if err := h.await(ctx, "the board", h.board); err != nil {
		return err
	}
	for _, fault := range []struct {
		alert string
		begin func() error
	}{
		{"AppStartsAgainAndAgain", func() error { return nil }}, // by the tasks that end
		{"DockerEngineDoesNotAnswer", func() error { return h.signalEngine(syscall.SIGSTOP) }},
		{"MesosDockerContainerizerDown", func() error { return h.daemon.Process.Kill() }},
	} {
		began := time.Now()
		if err := fault.begin(); err != nil {
			return err
		}
		if err := h.await(ctx, fault.alert, func(ctx context.Context) error { return h.fires(ctx, fault.alert) }); err != nil {
			return err
		}
		fmt.Printf("| %s | fires | %.0f s |\n", fault.alert, time.Since(began).Seconds())
	}
	return nil
}

// await asks again until there is no error.
func (h *host) await(ctx context.Context, what string, ask func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ask(limited)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-limited.Done():
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// query asks Prometheus and returns the number of series whose value is a number.
func (h *host) query(ctx context.Context, expression string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.prometheus+"/api/v1/query?query="+url.QueryEscape(expression), nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	var is struct {
		Error string
		Data  struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(answer.Body).Decode(&is); err != nil {
		return 0, err
	}
	if is.Error != "" {
		return 0, fmt.Errorf("%s: %s", expression, is.Error)
	}
	series := 0
	for _, r := range is.Data.Result {
		if r.Value[1] != "NaN" {
			series++
		}
	}
	return series, nil
}

func (h *host) fires(ctx context.Context, alert string) error {
	n, err := h.query(ctx, fmt.Sprintf(`ALERTS{alertname=%q,alertstate="firing"}`, alert))
	if err == nil && n == 0 {
		err = fmt.Errorf("%s does not fire", alert)
	}
	return err
}

// board checks that each query of the board has data, with what Grafana would put for its variables.
func (h *host) board(ctx context.Context) error {
	text, err := os.ReadFile("docs/examples/grafana.json")
	if err != nil {
		return err
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		return err
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$host", ".*")
	queries := 0
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			n, err := h.query(ctx, variables.Replace(target.Expr))
			if err != nil {
				return err
			}
			if n == 0 {
				return fmt.Errorf("panel %q: no data for %s", panel.Title, target.Expr)
			}
			queries++
		}
	}
	fmt.Printf("| the board | %d queries in %d panels have data | |\n", queries, len(board.Panels))
	return nil
}

// forOf is the time for which an alert has to be so.
var forOf = regexp.MustCompile(`(?m)^( *for: ).*$`)

// startPrometheus starts a Prometheus that scrapes the daemon each second.
func (h *host) startPrometheus(ctx context.Context) error {
	rules, err := os.ReadFile("docs/examples/alerts.yml")
	if err != nil {
		return err
	}
	config := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nrule_files: [alerts.yml]\nscrape_configs:\n"+
		"- job_name: mesos-docker-containerizer\n  static_configs: [{targets: [%q]}]\n", h.metrics)
	for name, text := range map[string]string{"prometheus.yml": config, "alerts.yml": forOf.ReplaceAllString(string(rules), "${1}10s")} {
		if err := os.WriteFile(filepath.Join(h.directory, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	h.server, err = environment.Start(ctx, h.directory, "prometheus", "--config.file="+filepath.Join(h.directory, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(h.directory, "data"), "--web.listen-address="+h.prometheus)
	return err
}

// freeAddress is one on which nothing listens.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
