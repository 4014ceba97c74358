package bounded

import (
	"io"
	"strings"
	"testing"
)

func TestBuffer(t *testing.T) {
	called := 0
	b := &Buffer{Limit: 3, Full: func() { called++ }}
	for _, text := range []string{"ab", "c", "d"} {
		if n, err := io.Copy(b, strings.NewReader(text)); n != int64(len(text)) || err != nil {
			t.Errorf("copying %q: %d, %v", text, n, err)
		}
	}
	if string(b.Bytes()) != "abc" || !b.Exceeded() || called != 1 {
		t.Errorf("kept %q, exceeded %v, called %d times", b.Bytes(), b.Exceeded(), called)
	}
}
