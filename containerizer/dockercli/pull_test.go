package dockercli

import (
	"context"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/memoryregistry"
)

// layerLine is a line about one layer.
var layerLine = regexp.MustCompile(`(?m)^[0-9a-f]{12}: .*\n`)

// TestPullAsDocker pulls an image by docker and then, when docker has it no more, by us.
func TestPullAsDocker(t *testing.T) {
	path := realDocker(t)
	r := memoryregistry.New(t)
	d := newDocker(t, environment.Socket(t), withImages(t, image.Options{}))
	for _, arguments := range [][]string{{"pull", r.Ref()}, {"pull", "-q", r.Ref()}, {"pull", r.ByDigest()}} {
		name := arguments[len(arguments)-1]
		for _, how := range []string{"absent", "present"} {
			if how == "absent" {
				runReal(t, path, environment.Host(), "rmi", name)
			}
			want := runReal(t, path, environment.Host(), arguments...)
			want.Stdout = layerLine.ReplaceAllString(want.Stdout, "")
			if how == "absent" {
				runReal(t, path, environment.Host(), "rmi", name)
			}
			if diff := cmp.Diff(want, answer(t.Context(), d, arguments...)); diff != "" {
				t.Errorf("docker %q of an image that is %s, docker's answer and ours:\n%s", arguments, how, diff)
			}
		}
		runReal(t, path, environment.Host(), "rmi", name)
	}
}

func TestWrongPulls(t *testing.T) {
	path := realDocker(t)
	r := memoryregistry.New(t)
	d := newDocker(t, environment.Socket(t), withImages(t, image.Options{}))
	for _, arguments := range [][]string{{"pull"}, {"pull", "a", "b"}, {"pull", "UPPER"}, {"pull", "a:b:c"}, {"pull", "--nonsense", "a"}, {"pull", "--platform", "a/b/c/d", "a"}} {
		want, got := runReal(t, path, environment.Host(), arguments...), answer(t.Context(), d, arguments...)
		if want.Status != got.Status || got.Stderr == "" || got.Stdout != want.Stdout {
			t.Errorf("docker %q: %+v, and ours %+v", arguments, want, got)
		}
	}
	for _, option := range []string{"-a", "--all-tags"} {
		if got := answer(t.Context(), d, "pull", option, "busybox"); got.Status != statusUsage || !strings.Contains(got.Stderr, strings.TrimLeft(option, "-")) {
			t.Errorf("%s: %+v", option, got)
		}
	}
	absent := r.Address + "/app:absent"
	got := answer(t.Context(), d, "pull", absent)
	if got.Status != statusFailed || !strings.HasPrefix(got.Stderr, "Error response from daemon: ") || !strings.Contains(got.Stderr, absent) || !strings.Contains(got.Stderr, "not found") {
		t.Errorf("%+v", got)
	}
}

// Who may pull is decided by the caller's HOME, and by nothing of root's.
func TestPullWithCredentials(t *testing.T) {
	r := memoryregistry.New(t)
	r.Login = "agent:geheim"
	sandbox := r.Home(t, r.Login)
	if err := os.Chmod(sandbox, 0o755); err != nil {
		t.Fatal(err)
	}
	wrong := r.Home(t, "agent:falsch")
	d := newDocker(t, environment.Socket(t), withImages(t, image.Options{}))
	d.rootHome = r.Home(t, r.Login)
	for _, tt := range []struct {
		name, home string
		status     int
	}{
		{"none", "", statusFailed},
		{"root's", d.rootHome, statusFailed},
		{"not there", t.TempDir() + "/x", statusFailed},
		{"relative", ".", statusFailed},
		{"wrong", wrong, statusFailed},
		{"made by the agent", r.Home(t, r.Login), statusOK},
		{"sandbox", sandbox, statusOK},
	} {
		got := answerFrom(t.Context(), d, tt.home, "pull", r.Ref())
		if got.Status != tt.status {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if strings.Contains(got.Stderr+got.Stdout, "geheim") || strings.Contains(got.Stderr+got.Stdout, "falsch") {
			t.Errorf("%s: the password is in %+v", tt.name, got)
		}
	}
}

// A deferred pull is answered at once, the image looks as if it were there, and the next that wants it joins the pull, even when
// the agent has removed its credentials meanwhile.
func TestDeferredPullIsJoined(t *testing.T) {
	r := memoryregistry.New(t)
	r.Login, r.Gate = "agent:geheim", make(chan struct{})
	d := newDocker(t, environment.Socket(t), withImages(t, image.Options{}), deferring)
	if got := answer(t.Context(), d, "inspect", r.Ref()); got.Status != statusFailed {
		t.Fatalf("before: %+v", got)
	}
	home := r.Home(t, r.Login)
	if got := answerFrom(t.Context(), d, home, "pull", r.Ref()); got.Status != statusOK {
		t.Fatalf("%+v", got)
	}
	if err := os.RemoveAll(home); err != nil {
		t.Fatal(err)
	}
	got := answer(t.Context(), d, "inspect", r.Ref())
	checkAgentsImage(t, got)
	if !strings.Contains(got.Stdout, r.Ref()) {
		t.Errorf("%+v", got)
	}
	r.AwaitDownload(t)

	var sessions sync.WaitGroup
	for range 3 { // tasks of the same image, without credentials of their own
		sessions.Go(func() {
			if _, err := d.options.Images.Pull(t.Context(), image.Request{Reference: r.Ref(), SandboxDirectory: t.TempDir()}); err != nil {
				t.Error(err)
			}
		})
	}
	if got := answerFrom(t.Context(), d, r.Home(t, r.Login), "pull", r.Ref()); got.Status != statusOK { // of another agent
		t.Errorf("%+v", got)
	}
	close(r.Gate)
	sessions.Wait()
	if n := r.Downloads(); n != 1 {
		t.Errorf("%d downloads", n)
	}
	checkAgentsImage(t, answer(t.Context(), d, "inspect", r.Ref()))
	// The executor's pull by force finds an image that is unchanged.
	if _, err := d.options.Images.Pull(t.Context(), image.Request{Reference: r.Ref(), AgentDirectory: r.Home(t, r.Login), Force: true}); err != nil || r.Downloads() != 1 {
		t.Errorf("%d downloads, %v", r.Downloads(), err)
	}
}

// checkAgentsImage reads an inspect of an image as every agent does.
func checkAgentsImage(t *testing.T, got result) {
	t.Helper()
	if got.Status != statusOK {
		t.Fatalf("%+v", got)
	}
	checkAgentReads(t, "image", ofImages, got.Stdout)
}

// A failure is the executor's to report. The agent goes on as if there were none, until the hold is over.
func TestDeferredPullThatFails(t *testing.T) {
	r := memoryregistry.New(t)
	d := newDocker(t, environment.Socket(t), withImages(t, image.Options{}), deferring)
	absent := r.Address + "/app:absent"
	if got := answer(t.Context(), d, "pull", absent); got.Status != statusOK || got.Stderr != "" {
		t.Fatalf("%+v", got)
	}
	pull := newestDeferred(d, absent)
	<-pull.ended
	if pull.err == nil {
		t.Error("it did not fail")
	}
	checkAgentsImage(t, answer(t.Context(), d, "inspect", absent))
	if got := answer(t.Context(), d, "inspect", r.Address+"/app:other"); got.Status != statusFailed {
		t.Errorf("another image: %+v", got)
	}
}

// A pull that nobody joins is given up with its hold, and then the image is as absent as it is.
func TestDeferredPullIsGivenUp(t *testing.T) {
	r := memoryregistry.New(t)
	r.Gate = make(chan struct{})
	defer close(r.Gate)
	d := newDocker(t, environment.Socket(t), withImages(t, image.Options{}), deferring)
	d.deferred.hold = answerInterval
	if got := answer(t.Context(), d, "pull", r.Ref()); got.Status != statusOK {
		t.Fatalf("%+v", got)
	}
	pull := newestDeferred(d, r.Ref())
	<-pull.ended
	environment.Eventually(t, patience, "the end of the hold", func() bool { return !d.deferred.has(r.Ref()) })
	if got := answer(t.Context(), d, "inspect", r.Ref()); got.Status != statusFailed {
		t.Errorf("%+v", got)
	}
}

// Close ends what is deferred, and what it ends is the Engine's pull.
func TestCloseEndsDeferredPulls(t *testing.T) {
	r := memoryregistry.New(t)
	r.Gate = make(chan struct{})
	defer close(r.Gate)
	d := newDocker(t, environment.Socket(t), withImages(t, image.Options{}), deferring)
	if got := answer(t.Context(), d, "pull", r.Ref()); got.Status != statusOK {
		t.Fatalf("%+v", got)
	}
	r.AwaitDownload(t)
	d.Close()
	if d.deferred.has(r.Ref()) {
		t.Error("it is known after Close")
	}
}

// An image that the policy refuses is not pulled; with a deferred pull the executor's session says so.
func TestRefusedImageIsNotPulled(t *testing.T) {
	r := memoryregistry.New(t)
	rules, err := policy.New(policy.Options{Allowed: map[string]policy.Rule{
		"allowed_images": {Source: "/etc/allowed_images", Items: []string{"registry.example/*"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	d := newDocker(t, environment.Socket(t), withImages(t, image.Options{}), func(o *Options) { o.Policy = rules })
	if got := answer(t.Context(), d, "pull", r.Ref()); got.Status != statusFailed || !strings.Contains(got.Stderr, "/etc/allowed_images") {
		t.Errorf("%+v", got)
	}
	d = newDocker(t, environment.Socket(t), withImages(t, image.Options{}), func(o *Options) { o.Policy = rules }, deferring)
	if got := answer(t.Context(), d, "pull", r.Ref()); got.Status != statusOK {
		t.Errorf("%+v", got)
	}
	<-newestDeferred(d, r.Ref()).ended
	checkAgentsImage(t, answer(t.Context(), d, "inspect", r.Ref()))
	if n := r.Count("/v2/"); n != 0 {
		t.Errorf("the registry was asked %d times", n)
	}
}

// A caller that goes away leaves its pull.
func TestPullOfACallerThatDies(t *testing.T) {
	r := memoryregistry.New(t)
	r.Gate = make(chan struct{})
	defer close(r.Gate)
	d := newDocker(t, environment.Socket(t), withImages(t, image.Options{}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		r.AwaitDownload(t)
		cancel()
	}()
	if got := answer(ctx, d, "pull", r.Ref()); got.Status == statusOK {
		t.Errorf("%+v", got)
	}
}

// A caller that goes away, or the end of the daemon, waits for nothing that hangs before the credentials were read.
func TestDeferredPullOfACallerThatGoesAway(t *testing.T) {
	d := newDeferrals(true, 0, "", zap.NewNop())
	defer d.close()
	ctx, cancel := context.WithCancel(t.Context())
	if err := d.begin(ctx, image.Request{Reference: "app:1"}, func(held context.Context, _ image.Request) (string, error) {
		cancel()
		<-held.Done()
		return "", held.Err()
	}); err != nil {
		t.Fatal(err)
	}
	if !d.has("app:1") {
		t.Error("the pull ends with its caller")
	}
}
