package image

import (
	"fmt"

	"github.com/distribution/reference"
)

// parseReference completes an image name as docker does: "busybox" is docker.io/library/busybox:latest (contract 1.2, step 4).
// A tag beside a digest is dropped. The result is a reference.Named, or another type for an image ID, which registries do not know.
func parseReference(name string) (reference.Reference, error) {
	parsed, err := reference.ParseAnyReference(name)
	if err != nil {
		return nil, err
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return parsed, nil
	}
	if digested, ok := named.(reference.Digested); ok {
		canonical, err := reference.WithDigest(reference.TrimNamed(named), digested.Digest())
		if err != nil {
			return nil, fmt.Errorf("name and digest do not go together: %w", err)
		}
		return canonical, nil
	}
	return reference.TagNameOnly(named), nil
}

// familiar returns the short form of a reference, which the Engine accepts too.
func familiar(ref reference.Reference) string {
	if named, ok := ref.(reference.Named); ok {
		return reference.FamiliarString(named)
	}
	return ref.String()
}

// Canonical returns the canonical form of a reference: it is the same for "busybox" and "docker.io/library/busybox:latest". An
// invalid reference is returned unchanged.
func Canonical(ref string) string { return nameOf(ref) }
