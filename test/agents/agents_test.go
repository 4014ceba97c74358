package agents

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mesos-docker-containerizer/test/dockerregistry"
	"mesos-docker-containerizer/test/environment"
)

var (
	installed = flag.String("agent", "", "install tree of Mesos or ClusterD to run the agent of; without it there is nothing to compare")
	programs  = flag.String("programs", "../../build", "directory of our programs")
	routeList = flag.String("routes", "stock,drop-in,custom", "the routes to run, with commas between")
	only      = flag.String("scenarios", "", "run only the scenarios that this expression matches")
	launches  = flag.Int("launches", 15, "launches to take a median of; 0 measures nothing")
	together  = flag.Int("together", 50, "launches at once")
	cuts      = flag.Int("cuts", 0, "connections of exec clients to cut, on the drop-in route")
)

// TestAgents runs all scenarios on all routes, and prints what they came to.
func TestAgents(t *testing.T) {
	if *installed == "" {
		t.Skip("there is no agent to run: give -agent=DIR, an install tree of Mesos or ClusterD (make agents AGENT=DIR)")
	}
	tree, err := findTree(*installed)
	if err != nil {
		t.Fatal(err)
	}
	own, err := filepath.Abs(*programs)
	if err != nil {
		t.Fatal(err)
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("docker", "version").Run(); err != nil {
		t.Fatalf("the stock executor needs the docker command, and that an Engine: %v", err)
	}
	socket, image := environment.Socket(t), environment.Busybox(t)
	registry := dockerregistry.New(t, dockerregistry.Options{})
	version, _ := exec.Command("env", "LD_LIBRARY_PATH="+filepath.Join(tree.prefix, "lib"), tree.agent, "--version").Output()

	var routes []route
	var names []string
	results, measured := map[route]map[string]result{}, map[route]figures{}
	all := slices.Concat(scenarios, operations)
	for _, s := range all {
		if pattern.MatchString(s.name) {
			names = append(names, s.name)
		}
	}
	for name := range strings.SplitSeq(*routeList, ",") {
		r := route(name)
		routes, results[r] = append(routes, r), map[string]result{}
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, tree, r, socket, own)
			runner := &run{cluster: c, docker: environment.Engine(t), image: image, registry: registry.Address}
			for _, s := range all {
				if !slices.Contains(names, s.name) {
					continue
				}
				t.Run(s.name, func(t *testing.T) {
					runner.framework = c.subscribe(t) // of its own, for one that is torn down
					seen, err := s.do(runner)
					results[r][s.name] = result{seen, err, s.known[r]}
					t.Logf("%s", seen)
					if err != nil && r != stock && s.known[r] == "" && !notOffered(err) {
						t.Errorf("%v", err)
					}
				})
			}
			runner.framework = c.subscribe(t)
			if *cuts > 0 && r == dropIn {
				if err := runner.cutSessions(*cuts); err != nil {
					t.Error(err)
				}
			}
			if *launches > 0 {
				f, err := runner.measure(*launches, *together)
				if err != nil {
					t.Errorf("measure: %v", err)
				}
				measured[r] = f
			}
		})
	}
	fmt.Fprintf(os.Stdout, "%s\n%s", version, showScenarios(routes, names, results))
	if *launches > 0 {
		fmt.Fprintf(os.Stdout, "\n%s", showFigures(routes, measured))
	}
}
