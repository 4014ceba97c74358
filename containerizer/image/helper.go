package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/docker/docker/api/types/registry"
)

const (
	// helperLimit bounds one run of a credential helper, which may request a token over the network. A helper that prompts for
	// input would not end.
	helperLimit = 20 * time.Second

	// helperPipeLimit is how long a child process may keep the pipe open after the helper's end.
	helperPipeLimit = time.Second

	// maxHelperOutput is far more than a token needs.
	maxHelperOutput = 1 << 20

	// tokenUser is the user name that marks the secret as an identity token.
	tokenUser = "<token>"
)

// helperDirectories are searched for helpers, in place of the daemon's PATH. Only root can write to them.
var helperDirectories = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

var errHelperName = errors.New("the name of a credential helper is not plain")

// isHelperName reports whether a name is plain: no path and no option.
func isHelperName(name string) bool {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.", r)
	}
	return name != "" && len(name) <= 100 && !strings.ContainsFunc(name, func(r rune) bool { return !plain(r) })
}

// askHelper runs docker-credential-NAME for the login at a registry's address; found is false if it has none. Errors do not repeat
// its output, which may be secret.
func askHelper(ctx context.Context, directories []string, name, address string) (login registry.AuthConfig, found bool, err error) {
	program := "docker-credential-" + name
	path, err := findHelper(directories, program)
	if err != nil {
		return login, false, err
	}
	limited, cancel := context.WithTimeout(ctx, helperLimit)
	defer cancel()
	output, err := runHelper(limited, path, directories, address)
	switch {
	case err != nil && credentials.IsErrCredentialsNotFoundMessage(output):
		return login, false, nil
	case err != nil && ctx.Err() != nil:
		return login, false, ctx.Err()
	case err != nil && limited.Err() != nil:
		return login, false, fmt.Errorf("%s did not answer within %s", program, helperLimit)
	case err != nil:
		return login, false, fmt.Errorf("%s failed for registry %s: %w; run `echo %s | %s get` to see why", program, address, err, address, program)
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal([]byte(output), &answer); err != nil || answer.Secret == "" {
		return login, false, fmt.Errorf("%s gave an answer for registry %s that holds no secret", program, address)
	}
	login.ServerAddress = address
	if answer.Username == tokenUser {
		login.IdentityToken = answer.Secret
	} else {
		login.Username, login.Password = answer.Username, answer.Secret
	}
	return login, true, nil
}

func findHelper(directories []string, program string) (path string, err error) {
	for _, directory := range directories {
		path = filepath.Join(directory, program)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("credential helper: %w", err)
		}
	}
	return "", fmt.Errorf("there is no program %s in %s", program, strings.Join(directories, ", "))
}

// runHelper runs a helper with an environment of its own, and kills it with its children when ctx ends.
func runHelper(ctx context.Context, path string, directories []string, address string) (output string, err error) {
	command := exec.CommandContext(ctx, path, "get")
	command.Dir = "/"
	command.Env = []string{"PATH=" + strings.Join(directories, ":"), "HOME=/nonexistent", "LANG=C.UTF-8"}
	command.Stdin = strings.NewReader(address)
	printed := limitedBuffer{}
	command.Stdout = &printed
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = helperPipeLimit
	err = command.Run()
	return strings.TrimSpace(printed.content.String()), err
}

// limitedBuffer is a buffer of at most maxHelperOutput bytes.
type limitedBuffer struct {
	content bytes.Buffer // not embedded: its ReadFrom would bypass Write
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.content.Len()+len(p) > maxHelperOutput {
		return 0, fmt.Errorf("more than %d bytes", maxHelperOutput)
	}
	return b.content.Write(p)
}
