package image

import (
	"fmt"

	"github.com/distribution/reference"
)

// parseReference completes an image name as docker does: "busybox" is docker.io/library/busybox:latest (contract 1.2, step 4).
// Where there are both a tag and a digest, the digest says which image it is and the tag is dropped. The result is a
// reference.Named, or something else for the id of an image, which no registry knows.
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

// familiar is the short form of a reference that people write and that the Engine takes as well.
func familiar(ref reference.Reference) string {
	if named, ok := ref.(reference.Named); ok {
		return reference.FamiliarString(named)
	}
	return ref.String()
}

// Canonical is the one form of a reference under which the same image is known: "busybox" and "docker.io/library/busybox:latest"
// are equal in it. What is no reference is returned as it is.
func Canonical(ref string) string { return nameOf(ref) }
