package faults

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestScheduleFollowsFromSeedAndRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed, round := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 1000).Draw(t, "round")
		tasks, faults := rapid.IntRange(1, 20).Draw(t, "tasks"), rapid.IntRange(0, 20).Draw(t, "faults")
		s := draw(seed, round, tasks, faults)
		if len(s.works) != tasks || len(s.events) != faults {
			t.Fatalf("%d tasks and %d faults", len(s.works), len(s.events))
		}
		if again := draw(seed, round, tasks, faults); !reflect.DeepEqual(s, again) {
			t.Fatalf("drawn again it is another:\n%v\n%v", s, again)
		}
		if other := draw(seed, round+1, tasks, faults); reflect.DeepEqual(s.works, other.works) {
			t.Fatalf("the next round is the same: %v", s)
		}
	})
}

// Whatever can be drawn is drawn within a campaign of the usual length, and has a name.
func TestEverythingIsDrawn(t *testing.T) {
	seen, readers := map[fault]bool{}, map[reader]bool{}
	for round := range 60 {
		s := draw(1, round, 6, 5)
		for _, e := range s.events {
			seen[e.fault] = true
			if e.fault.String() == "" {
				t.Errorf("fault %d has no name", e.fault)
			}
		}
		for _, w := range s.works {
			readers[w.reader] = true
		}
	}
	if len(seen) != kindsOfFaults || len(readers) != kindsOfReaders {
		t.Errorf("%d of %d faults and %d of %d readers were drawn", len(seen), kindsOfFaults, len(readers), kindsOfReaders)
	}
}
