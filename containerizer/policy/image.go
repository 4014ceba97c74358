package policy

import (
	"errors"
	"regexp"
	"strings"

	"mesos-docker-containerizer/containerizer/runspec"

	"github.com/distribution/reference"
)

// identifier is what the Engine may take for the id of an image, or for its beginning, if no image has it for a name.
var identifier = regexp.MustCompile(`^(sha256:)?[0-9a-f]+$`)

// imagePattern is an item of allowed_images. Exactly one of prefix, id and repository is set.
type imagePattern struct {
	prefix     string // "registry.example/team/"
	id         string // "sha256:..."
	repository string // "docker.io/library/busybox", with tag or digest where they matter
	tag        string
	digest     string
}

// parseImagePattern reads "registry.example/team/*", or an image in docker's notation: with a digest it is that image, with a
// tag that tag, without either any of the repository.
func parseImagePattern(item string) (imagePattern, error) {
	if prefix, ok := strings.CutSuffix(item, "/*"); ok {
		return parseImagePrefix(prefix)
	}
	if identifier.MatchString(item) {
		id := strings.TrimPrefix(item, "sha256:")
		if len(id) != 64 {
			return imagePattern{}, errors.New("it could be the beginning of an image's id as well as a name: write a name with its registry, " +
				"as docker.io/library/NAME, and an id in full")
		}
		return imagePattern{id: "sha256:" + id}, nil
	}
	named, err := reference.ParseNormalizedNamed(item)
	if err != nil {
		return imagePattern{}, errors.New("it is neither an image, such as registry.example/team/app:1.0, nor all below a path, such as registry.example/team/*")
	}
	p := imagePattern{repository: named.Name()}
	switch r := named.(type) {
	case reference.Digested: // it decides, whatever the tag
		p.digest = r.Digest().String()
	case reference.Tagged:
		p.tag = r.Tag()
	}
	return p, nil
}

// parseImagePrefix completes a path as docker completes names: where the first component is no registry, it is Docker Hub's.
func parseImagePrefix(prefix string) (imagePattern, error) {
	first, _, _ := strings.Cut(prefix, "/")
	// A registry alone is no reference, so a repository is put below for docker's own parser to check.
	text := prefix + "/any"
	registry := strings.ContainsAny(first, ".:") || first == "localhost"
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil || prefix == "" {
		return imagePattern{}, errors.New("what stands before /* is neither a registry nor a path in one")
	}
	complete := strings.TrimSuffix(named.Name(), "any")
	if registry && !strings.Contains(prefix, "/") {
		// docker puts official images below library/, which "docker.io/*" does not mean.
		complete = reference.Domain(named) + "/"
	}
	return imagePattern{prefix: complete}, nil
}

// covers tells whether the pattern allows an image.
func (p imagePattern) covers(image string) bool {
	if identifier.MatchString(image) {
		return p.id != "" && "sha256:"+strings.TrimPrefix(image, "sha256:") == p.id
	}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil || p.id != "" {
		return false
	}
	if p.prefix != "" {
		return strings.HasPrefix(named.Name(), p.prefix)
	}
	if named.Name() != p.repository {
		return false
	}
	digested, pinned := named.(reference.Digested)
	switch {
	case p.digest != "":
		return pinned && digested.Digest().String() == p.digest
	case p.tag == "":
		return true
	case pinned: // the digest decides, and the tag may be a lie
		return false
	}
	return reference.TagNameOnly(named).(reference.Tagged).Tag() == p.tag
}

// checkImages checks the image. Images that are mounted are checked with the mounts.
func (c *check) checkImages() {
	c.image("Config.Image", c.Config.Image)
	if c.Image != c.Config.Image {
		c.image("Config.Image", c.Image)
	}
}

func (c *check) image(field, name string) {
	if !c.images.set() { // images as such affect nothing on the host
		return
	}
	d := demand{field, name, "image " + runspec.Quote(name)}
	if identifier.MatchString(name) {
		d.reason += ", which may be an id instead of a name (with a tag or a registry it would be a name),"
	}
	permit(c, &c.images, d, func(p imagePattern) bool { return p.covers(name) })
}
