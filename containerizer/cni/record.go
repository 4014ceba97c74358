package cni

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/pkg/utils"
	"github.com/moby/sys/atomicwriter"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/executor/wire"
)

// Attachment is what a container is attached to, or may be.
type Attachment struct {
	Container string       `json:"container"` // its name, which is unique on the host and plugins get for its id
	Instance  string       `json:"instance"`  // of the daemon, whose business it is
	Executor  wire.Process `json:"executor"`
	Plugins   []string     `json:"plugins"` // directories
	Joins     []Join       `json:"joins"`

	// Complete is true once every plugin has succeeded.
	Complete bool `json:"complete,omitempty"`
}

// Join is one network of an Attachment. DEL needs all that ADD was given, for the admin's file may be another by then, and portmap
// removes nothing that it is not told of.
type Join struct {
	Network       string          `json:"network"`
	File          string          `json:"file"`
	Interface     string          `json:"interface"`
	Configuration json.RawMessage `json:"configuration"`
	Ports         []Port          `json:"ports,omitempty"`

	Addresses []string `json:"addresses,omitempty"` // without the length of the prefix
	DNS       DNS      `json:"dns,omitzero"`
}

// Port is a host port that leads to the container, as the capability portMappings has it.
type Port struct {
	HostPort      int    `json:"hostPort"`
	ContainerPort int    `json:"containerPort"`
	Protocol      string `json:"protocol"` // tcp, udp or sctp
	HostIP        string `json:"hostIP,omitempty"`
}

const recordSuffix = ".json"

func (b *Book) directory() string { return filepath.Join(b.state, "attached") }

func (b *Book) file(container string) (string, error) {
	if err := utils.ValidateContainerID(container); err != nil { // it is a file's name, too
		return "", fmt.Errorf("container %q: %w", container, err)
	}
	return filepath.Join(b.directory(), container+recordSuffix), nil
}

// write puts an attachment in place of an earlier one, whole or not at all, whatever happens to the host. Configurations may hold
// credentials, so the files are root's alone.
func (b *Book) write(a *Attachment) error {
	file, err := b.file(a.Container)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.directory(), 0o700); err != nil {
		return err
	}
	return atomicwriter.WriteFile(file, marshal(a), 0o600)
}

// Attached returns what is known of a container's attachment. The error wraps fs.ErrNotExist for one that has none.
func (b *Book) Attached(container string) (*Attachment, error) {
	file, err := b.file(container)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseAttachment(content, container)
}

func parseAttachment(content []byte, container string) (*Attachment, error) {
	a := new(Attachment)
	if err := json.Unmarshal(content, a); err != nil {
		return nil, fmt.Errorf("attachment of container %s: %w", container, err)
	}
	if a.Container != container {
		return nil, fmt.Errorf("attachment of container %s: it names container %q", container, a.Container)
	}
	return a, nil
}

// All returns every attachment. The error names those that cannot be read.
func (b *Book) All() (all []*Attachment, err error) {
	entries, err := os.ReadDir(b.directory())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	errs := []error{err}
	for _, entry := range entries {
		name, isRecord := strings.CutSuffix(entry.Name(), recordSuffix)
		if !isRecord {
			b.removeTemporary(entry)
			continue
		}
		a, err := b.Attached(name)
		if errors.Is(err, fs.ErrNotExist) { // detached meanwhile
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, a)
	}
	return all, errors.Join(errs...)
}

// removeTemporary removes what a write has left that was cut short. A file that is being written is in use for moments only.
func (b *Book) removeTemporary(entry fs.DirEntry) {
	status, err := entry.Info()
	if err == nil && b.now().Sub(status.ModTime()) > writeLimit {
		_ = unix.Unlink(filepath.Join(b.directory(), entry.Name())) // it is tried again with the next look
	}
}
