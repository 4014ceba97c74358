package v1

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"mesos-docker-containerizer/executor/agent"

	"github.com/google/go-cmp/cmp"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/framing"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	"pgregory.net/rapid"
)

var _ framing.Reader = (*recordReader)(nil)

// readRecords reads until an error.
func readRecords(stream io.Reader, limit int) (records []string, err error) {
	r := newRecordReader(stream, limit)
	for {
		record, err := r.ReadFrame()
		if err != nil {
			return records, err
		}
		if r.size != len(record) {
			return records, errors.New("size " + strconv.Itoa(r.size) + " of a record of " + strconv.Itoa(len(record)))
		}
		records = append(records, string(record))
	}
}

func TestRecordReader(t *testing.T) {
	const limit = 100
	oversized := &oversizedError{limit: limit}
	for name, c := range map[string]struct {
		stream  string
		records []string
		err     error
	}{
		"nothing":                   {"", nil, io.EOF},
		"one":                       {"3\nabc", []string{"abc"}, io.EOF},
		"several":                   {"1\na2\nbc1\n\n", []string{"a", "bc", "\n"}, io.EOF},
		"empty ones":                {"0\n0\n1\na0\n", []string{"a"}, io.EOF},
		"leading zeros":             {"001\na", []string{"a"}, io.EOF},
		"at the limit":              {"100\n" + strings.Repeat("x", 100), []string{strings.Repeat("x", 100)}, io.EOF},
		"beyond the limit":          {"1\na101\n" + strings.Repeat("x", 101), []string{"a"}, oversized},
		"far beyond the limit":      {"99999999999999999999999999\n", nil, oversized},
		"many zeros":                {"000000000000000000000\n", nil, errFraming},
		"ends in a length":          {"1\na12", []string{"a"}, io.ErrUnexpectedEOF},
		"ends after a length":       {"12\n", nil, io.ErrUnexpectedEOF},
		"ends in a record":          {"12\nabc", nil, io.ErrUnexpectedEOF},
		"no length":                 {"\nabc", nil, errFraming},
		"negative":                  {"-1\n", nil, errFraming},
		"sign":                      {"+1\na", nil, errFraming},
		"not a number":              {"1x\na", nil, errFraming},
		"JSON instead of a length":  {`{"type":"ERROR"}`, nil, errFraming},
		"a space before the number": {" 1\na", nil, errFraming},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, stream := range map[string]io.Reader{
				"whole":        strings.NewReader(c.stream),
				"byte by byte": iotest.OneByteReader(strings.NewReader(c.stream)),
				"with the end": iotest.DataErrReader(strings.NewReader(c.stream)),
			} {
				records, err := readRecords(stream, limit)
				if diff := cmp.Diff(c.records, records); diff != "" {
					t.Errorf("%s: records (-want +got):\n%s", kind, diff)
				}
				if err == nil || err.Error() != c.err.Error() {
					t.Errorf("%s: error %v, want %v", kind, err, c.err)
				}
			}
		})
	}
}

func TestRecordReaderReportsTheTransportsError(t *testing.T) {
	broken := errors.New("connection reset")
	for _, before := range []string{"", "1", "5\nab"} {
		_, err := readRecords(io.MultiReader(strings.NewReader(before), iotest.ErrReader(broken)), maxRecord)
		if !errors.Is(err, broken) {
			t.Errorf("after %q: %v", before, err)
		}
	}
}

// A length alone must not cost memory.
func TestRecordReaderAllocatesWhatArrives(t *testing.T) {
	header := strconv.Itoa(maxRecord) + "\n"
	r := newRecordReader(strings.NewReader(header+"abc"), maxRecord)
	record, err := r.ReadFrame()
	if err != io.ErrUnexpectedEOF || cap(record) > agent.FirstAllocation {
		t.Errorf("%d bytes allocated for 3, error %v", cap(record), err)
	}
}

// What mesos-go writes, we read, however it is cut.
func TestRecordReaderReadsWhatMesosGoWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []string
		var stream bytes.Buffer
		w := recordio.NewWriter(&stream)
		for _, size := range rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 9, 10, 255, 256, 257, 4096, agent.FirstAllocation - 1, agent.FirstAllocation, agent.FirstAllocation + 1, 3 * agent.FirstAllocation}), 0, 5).Draw(t, "sizes") {
			record := bytes.Repeat([]byte{byte(size)}, size)
			if err := w.WriteFrame(record); err != nil {
				t.Fatal(err)
			}
			if size > 0 {
				want = append(want, string(record))
			}
		}
		piece := rapid.IntRange(1, 5000).Draw(t, "piece")
		got, err := readRecords(&pieces{stream.Bytes(), piece}, maxRecord)
		if err != io.EOF || !cmp.Equal(want, got) {
			t.Errorf("%d records, error %v; want %d", len(got), err, len(want))
		}
	})
}

// pieces reads at most size bytes at a time.
type pieces struct {
	left []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.left)
	p.left = p.left[n:]
	return n, nil
}

func FuzzRecordReader(f *testing.F) {
	for _, seed := range []string{"", "3\nabc", "0\n1\na", "12\nab", "99999999999999999999\n", "-1\n", "1\n\n1\n\n", "65537\nabc"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		const limit = 1 << 10
		records, err := readRecords(bytes.NewReader(stream), limit)
		if err == nil {
			t.Fatal("the end of the stream is no error")
		}
		total := 0
		for _, r := range records {
			if len(r) == 0 || len(r) > limit {
				t.Fatalf("a record of %d bytes", len(r))
			}
			total += len(r) + 2
		}
		if total > len(stream) {
			t.Fatalf("%d bytes of records out of %d", total, len(stream))
		}
		again, _ := readRecords(iotest.OneByteReader(bytes.NewReader(stream)), limit)
		if !cmp.Equal(records, again) {
			t.Fatal("records depend on how the stream is cut")
		}
	})
}
