package marathon

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestNewPorts(t *testing.T) {
	for list, want := range map[string]string{
		"31000-32000":                "31000-32000",
		" 8080 , 8000 - 8001 ":       "8000-8001,8080",
		"[8000-9000,31000-32000]":    "8000-9000,31000-32000",
		"10-20,15-30,31-31,40":       "10-31,40",
		"1-65535":                    "1-65535",
		"10-20,12-13":                "10-20",
		"":                           "! port range \"\"",
		"0-5":                        "! accepted are a port of 1 to 65535",
		"5-4":                        "! its end is below its begin",
		"1-65536":                    "! accepted are a port of 1 to 65535",
		"a":                          "! accepted are",
		"1-2-3":                      "! accepted are",
		"-5":                         "! accepted are",
		"1,,2":                       "! port range \"\"",
		strings.Repeat("x", 1000):    "! …",
		"99999999999999999999999999": "! accepted are",
	} {
		ports, err := NewPorts(list)
		if reason, refused := strings.CutPrefix(want, "! "); refused {
			if err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%.40q: %v, want an error with %q", list, err, reason)
			}
			continue
		}
		if err != nil || ports.String() != want {
			t.Errorf("%q: %v, %v, want %s", list, ports, err, want)
		}
	}
	if _, err := NewPorts("a,b"); err == nil || !strings.Contains(err.Error(), `"a"`) || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("both mistakes should be named: %v", err)
	}
}

func TestDraw(t *testing.T) {
	steps := []struct {
		release, wishes, want []uint32
		kind                  error
	}{
		{wishes: []uint32{0, 0}, want: []uint32{10, 11}},
		{wishes: []uint32{0}, want: []uint32{12}},
		{wishes: []uint32{13, 0, 0}, want: []uint32{13, 20, 21}}, // 14 has no neighbour
		{wishes: []uint32{13}, kind: ErrPortTaken},
		{wishes: []uint32{15, 0}, kind: ErrPortOutside},
		{wishes: []uint32{0, 0, 0}, kind: ErrPortsExhausted},
		{release: []uint32{10, 11, 12}, wishes: []uint32{0, 0, 0}, want: []uint32{10, 11, 12}},
		{release: []uint32{10}, wishes: []uint32{0}, want: []uint32{14}}, // the released one comes last
		{release: []uint32{99}, wishes: []uint32{0}, want: []uint32{10}},
		{wishes: []uint32{0}, kind: ErrPortsExhausted},
		{wishes: nil, want: nil},
		{release: []uint32{20}, wishes: []uint32{20, 20}, want: []uint32{20, 20}},
		{wishes: []uint32{20}, kind: ErrPortTaken},
		{wishes: []uint32{80, 22}, want: []uint32{80, 22}}, // reserved
		{wishes: []uint32{80}, kind: ErrPortTaken},
		{release: []uint32{80, 22, 20, 21}, wishes: []uint32{0, 0}, want: []uint32{20, 21}},
		{wishes: []uint32{0}, kind: ErrPortsExhausted}, // reserved ones are for those who name them
	}
	ports, err := NewPorts("10-14,20-22")
	if err != nil {
		t.Fatal(err)
	}
	ports.Reserve(22, 80)
	if !ports.Offers(80) || !ports.Offers(14) || ports.Offers(15) {
		t.Error("what is on offer is not told right")
	}
	for i, step := range steps {
		ports.Release(step.release...)
		got, err := ports.Draw(step.wishes)
		if !errors.Is(err, step.kind) || step.kind == nil && err != nil || !slices.Equal(got, step.want) {
			t.Errorf("step %d: Draw(%v) = %v, %v, want %v, %v", i, step.wishes, got, err, step.want, step.kind)
		}
	}
	if _, err := new(Ports).Draw([]uint32{0}); !errors.Is(err, ErrPortsExhausted) || !strings.Contains(err.Error(), "no ports") {
		t.Errorf("zero value: %v", err)
	}
}

func TestDrawSaysEverything(t *testing.T) {
	ports, _ := NewPorts("31000-31001")
	if _, err := ports.Draw([]uint32{31001}); err != nil {
		t.Fatal(err)
	}
	_, err := ports.Draw([]uint32{31001, 80})
	for _, text := range []string{"host port 31001 is taken by another task", "host port 80 is not among the ports on offer, 31000-31001"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v lacks %q", err, text)
		}
	}
}

// TestDrawModel compares Ports with a plain set through random draws and releases.
func TestDrawModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ports, err := NewPorts("5-9,20-29,40")
		if err != nil {
			t.Fatal(err)
		}
		offered := append(slices.Concat(sequence(5, 9), sequence(20, 29)), 40)
		held := map[uint32]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"draw": func(t *rapid.T) {
				wishes := rapid.SliceOfN(rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32Range(1, 41)), 0, 6).Draw(t, "wishes")
				got, err := ports.Draw(wishes)
				if possible := canGrant(wishes, offered, held); possible != (err == nil) {
					t.Fatalf("Draw(%v) with %v held: %v", wishes, held, err)
				}
				before := len(held)
				distinct := map[uint32]bool{}
				for i, port := range got {
					if wishes[i] != 0 && wishes[i] != port || !slices.Contains(offered, port) || held[port] {
						t.Fatalf("Draw(%v) = %v with %v held", wishes, got, held)
					}
					if wishes[i] == 0 && distinct[port] {
						t.Fatalf("Draw(%v) = %v has %d twice", wishes, got, port)
					}
					distinct[port] = true
				}
				for port := range distinct {
					held[port] = true
				}
				if len(held) != before+len(distinct) {
					t.Fatalf("a held port was drawn: %v", got)
				}
			},
			"release": func(t *rapid.T) {
				port := rapid.SampledFrom(offered).Draw(t, "port")
				ports.Release(port)
				delete(held, port)
			},
		})
	})
}

func sequence(first, last uint32) []uint32 {
	var all []uint32
	for port := first; port <= last; port++ {
		all = append(all, port)
	}
	return all
}

func canGrant(wishes, offered []uint32, held map[uint32]bool) bool {
	fixed, dynamic := map[uint32]bool{}, 0
	for _, wish := range wishes {
		if wish == 0 {
			dynamic++
		} else if !slices.Contains(offered, wish) || held[wish] {
			return false
		} else {
			fixed[wish] = true
		}
	}
	return dynamic <= len(offered)-len(held)-len(fixed)
}

// TestDrawConcurrently has more takers than ports, so that they also meet at the edge.
func TestDrawConcurrently(t *testing.T) {
	ports, _ := NewPorts("100-139")
	var mu sync.Mutex
	owner := map[uint32]int{}
	var wg sync.WaitGroup
	for taker := range 16 {
		wg.Go(func() {
			for range 50 {
				got, err := ports.Draw([]uint32{0, 0, 0})
				if err != nil {
					continue
				}
				mu.Lock()
				for _, port := range got {
					if other, taken := owner[port]; taken {
						t.Errorf("port %d belongs to %d and %d", port, other, taker)
					}
					owner[port] = taker
				}
				mu.Unlock()
				mu.Lock()
				for _, port := range got {
					delete(owner, port)
				}
				mu.Unlock()
				ports.Release(got...)
			}
		})
	}
	wg.Wait()
	if got, err := ports.Draw(make([]uint32, 40)); err != nil {
		t.Errorf("ports were lost: %v, %v", got, err)
	}
}
