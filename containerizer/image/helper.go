package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/docker/docker/api/types/registry"

	"mesos-docker-containerizer/internal/bounded"
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

// helperName matches plain names: no path and no option.
var helperName = regexp.MustCompile(`^[-_.A-Za-z0-9]{1,100}$`)

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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	command := exec.CommandContext(ctx, path, "get")
	command.Dir = "/"
	command.Env = []string{"PATH=" + strings.Join(directories, ":"), "HOME=/nonexistent", "LANG=C.UTF-8"}
	command.Stdin = strings.NewReader(address)
	printed := bounded.Buffer{Limit: maxHelperOutput, Full: cancel}
	command.Stdout = &printed
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = helperPipeLimit
	if err = command.Run(); printed.Exceeded() {
		err = fmt.Errorf("more than %d bytes", maxHelperOutput)
	}
	return strings.TrimSpace(string(printed.Bytes())), err
}
