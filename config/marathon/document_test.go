package marathon

import (
	"runtime"
	"strings"
	"testing"
)

// The text of a document is not copied for each level of nesting, which a few MB could be made to fill a host's memory with.
func TestNestedDocumentIsNotCopied(t *testing.T) {
	const levels, most = maxDepth - 4, 20 // in times of the document
	document := []byte(`{"id": "/deep", "unknown": ` + strings.Repeat("[", levels) + `"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat("]", levels) + "}")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := ParseTolerant(document)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Fatal("an app without a container is none")
	}
	if allocated := (after.TotalAlloc - before.TotalAlloc) / uint64(len(document)); allocated > most {
		t.Errorf("%d times the size of the document was allocated, want at most %d", allocated, most)
	} else {
		t.Logf("%d times the size of the document was allocated", allocated)
	}
}
