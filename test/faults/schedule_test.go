package faults

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// fault is one thing that goes wrong with a host.
type fault int

const (
	killDaemon     fault = iota // SIGKILL; a new daemon comes after a while
	stopDaemon                  // SIGTERM, as for an upgrade
	pauseDaemon                 // SIGSTOP for a while
	fewDescriptors              // the daemon may open a few more files only, for a while
	fillDisk                    // the file system of the daemon's directories is full for a while
	restartAgent                // connections refused, then 404, then 503
	killExecutor                // SIGKILL: the order to stop its task
	pauseExecutor               // SIGSTOP for a while
	loseAnswer                  // the Engine does what was asked, and its answer is lost
	halveAnswer                 // the Engine does what was asked, and its answer breaks off
	breakCall                   // the Engine hears nothing of a call
	failCall                    // the Engine answers 500
	hangCall                    // the Engine answers late
	killEngine                  // SIGKILL with live-restore
	restartEngine               // SIGTERM with live-restore
	stopEngine                  // SIGTERM without live-restore: it stops the containers
	pauseEngine                 // SIGSTOP for a while
	killContainerd              // SIGKILL; dockerd starts it again
	kindsOfFaults  = iota
)

var faultNames = [kindsOfFaults]string{
	"kill daemon", "stop daemon", "pause daemon", "few descriptors", "fill disk", "restart agent", "kill executor", "pause executor",
	"lose answer", "halve answer", "break call", "fail call", "hang call",
	"kill engine", "restart engine", "stop engine", "pause engine", "kill containerd",
}

func (f fault) String() string { return faultNames[f] }

// calls are the calls to the Engine on which a task's life depends: method and path.
var calls = [][2]string{
	{"POST", `/containers/create`}, {"POST", `/containers/[^/]+/attach`}, {"POST", `/containers/[^/]+/start`},
	{"GET", `/containers/[^/]+/json`}, {"POST", `/containers/[^/]+/kill`}, {"DELETE", `/containers/[^/]+`}, {"GET", `/containers/json`},
}

// event is a fault of a schedule. Those of one schedule come one after the other.
type event struct {
	after time.Duration // since the one before was over
	fault fault
	lasts time.Duration // of what is undone after a while
	task  int           // whose executor is meant
	call  int           // of calls
	times int           // how many such calls are meant
}

func (e event) String() string {
	text := fmt.Sprintf("+%v %v", e.after, e.fault)
	switch e.fault {
	case loseAnswer, halveAnswer, breakCall, failCall, hangCall:
		return fmt.Sprintf("%s %s %s ×%d", text, calls[e.call][0], calls[e.call][1], e.times)
	case killExecutor, pauseExecutor:
		return fmt.Sprintf("%s of task %d for %v", text, e.task, e.lasts)
	default:
		return fmt.Sprintf("%s for %v", text, e.lasts)
	}
}

// reader is what reads an executor's standard output, which a log module of the agent does on some hosts.
type reader int

const (
	fileReader reader = iota // none: a file of the sandbox
	slowReader
	deadReader
	kindsOfReaders = iota
)

// work is what one task does.
type work struct {
	after    time.Duration // since the round began
	lines    int
	pause    time.Duration // between lines
	code     int           // it exits with
	stubborn bool          // it takes no notice of SIGTERM
	kill     time.Duration // when it is killed after its launch; 0 is never
	reader   reader
}

// schedule is a round: what runs and what goes wrong.
type schedule struct {
	works  []work
	events []event
}

func (s schedule) String() string {
	var b strings.Builder
	for i, w := range s.works {
		fmt.Fprintf(&b, "task %d: %+v\n", i, w)
	}
	for _, e := range s.events {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}

// draw makes the schedule of a round. The same seed and round always give the same one.
func draw(seed uint64, round, tasks, faults int) (s schedule) {
	r := rand.New(rand.NewPCG(seed, uint64(round)))
	between := func(low, high time.Duration) time.Duration {
		return low + time.Duration(r.Int64N(int64((high-low)/time.Millisecond)))*time.Millisecond
	}
	for range tasks {
		w := work{
			after: between(0, 1500*time.Millisecond), lines: 20 + r.IntN(200), pause: between(0, 30*time.Millisecond),
			code: []int{0, 0, 3}[r.IntN(3)], stubborn: r.IntN(4) == 0,
		}
		if r.IntN(3) == 0 {
			w.kill = between(time.Millisecond, 4*time.Second)
		}
		if r.IntN(4) == 0 {
			w.reader = 1 + reader(r.IntN(kindsOfReaders-1))
		}
		s.works = append(s.works, w)
	}
	for range faults {
		s.events = append(s.events, event{
			after: between(0, 1500*time.Millisecond), fault: fault(r.IntN(kindsOfFaults)), lasts: between(50*time.Millisecond, 2*time.Second),
			task: r.IntN(tasks), call: r.IntN(len(calls)), times: 1 + r.IntN(2),
		})
	}
	return s
}
