package parameters

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// ParseMain is the child's main: it confines the process, reads one request, writes one answer and returns the exit status.
// It must not be called in a process that is to do anything else.
func ParseMain(stdin io.Reader, stdout io.Writer) int {
	if err := confine(); err != nil {
		fmt.Fprintln(os.Stderr, "confine parser process:", err)
		return 1
	}
	var asked request
	if err := json.NewDecoder(io.LimitReader(stdin, maxRequest)).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, "read request:", err)
		return 1
	}
	answer, err := answerTo(asked)
	if err != nil && !errors.As(err, &answer.Error) {
		fmt.Fprintln(os.Stderr, "parse:", err)
		return 1
	}
	if err := json.NewEncoder(stdout).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, "write answer:", err)
		return 1
	}
	return 0
}

func answerTo(asked request) (answer reply, err error) {
	if asked.IsLine {
		answer.Line, err = readLine(asked.Line)
		return answer, err
	}
	result, err := parse(asked.ParseRequest)
	if err == nil {
		answer.Result = &result
	}
	return answer, err
}
