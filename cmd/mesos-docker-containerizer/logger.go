package main

import (
	"os"

	"github.com/coreos/go-systemd/v22/journal"
	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"mesos-docker-containerizer/config"
)

// newLogger writes what the daemon does to stderr, as log_format has it. The level can change.
func newLogger(t terminal, c *config.Config, level zap.AtomicLevel) *zap.Logger {
	settings := zap.NewProductionEncoderConfig()
	settings.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	settings.EncodeDuration = zapcore.StringDurationEncoder // 1.5s: a number would need its unit in the name
	encoder := zapcore.NewJSONEncoder(settings)
	journals := t.stderr == os.Stderr && isJournal()
	if c.LogFormat == config.LogConsole {
		settings.EncodeLevel = zapcore.CapitalLevelEncoder
		if settings.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02 15:04:05.000"); journals { // it has times of its own
			settings.TimeKey = zapcore.OmitKey
		}
		encoder = zapcore.NewConsoleEncoder(settings)
	}
	if journals {
		encoder = prioritized{encoder}
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(t.stderr)), level))
}

// isJournal reports whether stderr is a stream to the journal (JOURNAL_STREAM in systemd.exec(5)).
func isJournal() bool {
	ok, err := journal.StderrIsJournalStream()
	return ok && err == nil
}

// prioritized puts the priority of each line before it, as the journal reads it off streams (sd-daemon(3)): <4> for a warning. The
// journal takes it off, so that JSON lines stay JSON.
type prioritized struct{ zapcore.Encoder }

func (p prioritized) Clone() zapcore.Encoder { return prioritized{p.Encoder.Clone()} }

func (p prioritized) EncodeEntry(e zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line, err := p.Encoder.EncodeEntry(e, fields)
	if err != nil {
		return nil, err
	}
	defer line.Free()
	full := lines.Get()
	full.AppendString(priorityOf(e.Level))
	full.AppendBytes(line.Bytes())
	return full, nil
}

var lines = buffer.NewPool()

// priorityOf is a level as syslog has it.
func priorityOf(level zapcore.Level) string {
	switch {
	case level >= zapcore.DPanicLevel:
		return "<2>"
	case level == zapcore.ErrorLevel:
		return "<3>"
	case level == zapcore.WarnLevel:
		return "<4>"
	case level == zapcore.DebugLevel:
		return "<7>"
	}
	return "<6>"
}
