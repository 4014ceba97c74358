package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"mesos-docker-containerizer/config"
)

func TestLogFormats(t *testing.T) {
	for _, format := range []string{"json", config.LogConsole} {
		c, _, err := config.Load(config.Options{Root: t.TempDir(), Args: []string{"--log_format=" + format}})
		must(t, err)
		var out bytes.Buffer
		level := zap.NewAtomicLevelAt(zap.InfoLevel)
		logger := newLogger(terminal{stderr: &out}, c, level)
		logger.Debug("hidden")
		level.SetLevel(zap.DebugLevel)
		logger.With(zap.String("task", "web.1")).Warn("shown", zap.Duration("took", 1500*time.Millisecond))
		line := out.String()
		if strings.Count(line, "\n") != 1 || !strings.Contains(line, "1.5s") || !strings.Contains(line, "web.1") {
			t.Errorf("%s: %q", format, line)
		}
		if json.Valid([]byte(line)) != (format == "json") {
			t.Errorf("%s: %q", format, line)
		}
	}
}

// What the journal takes off a line is its priority, and what is left is the line.
func TestPrioritiesForTheJournal(t *testing.T) {
	for level, want := range map[zapcore.Level]string{
		zap.DebugLevel: "<7>", zap.InfoLevel: "<6>", zap.WarnLevel: "<4>", zap.ErrorLevel: "<3>", zap.DPanicLevel: "<2>", zap.FatalLevel: "<2>",
	} {
		encoder := prioritized{zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())}.Clone()
		line, err := encoder.EncodeEntry(zapcore.Entry{Level: level, Message: "x"}, []zapcore.Field{zap.Int("n", 1)})
		must(t, err)
		rest, found := strings.CutPrefix(line.String(), want)
		if !found || !json.Valid([]byte(rest)) || strings.Count(rest, "\n") != 1 {
			t.Errorf("%v: %q", level, line)
		}
	}
}
