package motiatest

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"

	"github.com/motia-go/motia/internal/jsontext"
)

// logHandler records log records, and passes them on to the test's own handler if there is one.
type logHandler struct {
	rec   *recorder
	next  slog.Handler // may be nil
	steps []func(slog.Handler) slog.Handler
}

func newLogHandler(r *recorder, next slog.Handler) *logHandler {
	return &logHandler{rec: r, next: next}
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	e := Event{Kind: KindLog, Level: record.Level.String(), Message: record.Message}
	var text bytes.Buffer
	var handler slog.Handler = slog.NewJSONHandler(&text, &slog.HandlerOptions{
		Level: record.Level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			a.Value = encodable(a.Value)
			if len(groups) > 0 {
				return a
			}
			switch a.Key { // the event has fields for these
			case slog.TimeKey, slog.LevelKey, slog.MessageKey, "trigger", "attempt":
				return slog.Attr{}
			case "trace_id":
				e.TraceID = a.Value.String()
				return slog.Attr{}
			case "step":
				e.Step = a.Value.String()
				return slog.Attr{}
			}
			return a
		},
	})
	for _, step := range h.steps {
		handler = step(handler)
	}
	if err := handler.Handle(ctx, record); err != nil {
		return err
	}
	if attrs := bytes.TrimSpace(text.Bytes()); !bytes.Equal(attrs, []byte("{}")) {
		e.Data = json.RawMessage(jsontext.Uniform(bytes.Clone(attrs)))
	}
	h.rec.log(ctx, e)
	if h.next != nil && h.next.Enabled(ctx, record.Level) {
		return h.next.Handle(ctx, record)
	}
	return nil
}

// encodable returns the value, or the error text that slog would show instead of it, in the words of this module.
func encodable(v slog.Value) (result slog.Value) {
	if v.Kind() != slog.KindAny {
		return v
	}
	_, isError := v.Any().(error)
	if _, encodes := v.Any().(json.Marshaler); isError && !encodes {
		return v // slog shows its text
	}
	defer func() {
		if recover() != nil {
			result = v // slog shows the panic
		}
	}()
	if _, err := jsontext.Marshal(v.Any()); err != nil {
		return slog.StringValue("!ERROR:" + err.Error())
	}
	return v
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(b slog.Handler) slog.Handler { return b.WithAttrs(attrs) })
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return h.with(func(b slog.Handler) slog.Handler { return b.WithGroup(name) })
}

func (h *logHandler) with(step func(slog.Handler) slog.Handler) slog.Handler {
	derived := &logHandler{rec: h.rec, steps: append(h.steps[:len(h.steps):len(h.steps)], step)}
	if h.next != nil {
		derived.next = step(h.next)
	}
	return derived
}

func (r *recorder) log(ctx context.Context, e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := spanOf(ctx)
	e.late = s == nil || s.returned || !s.called
	r.addLocked(s, e)
	r.starting.Do(func() { close(r.logging) })
}

// spanLogger is the handler of an invocation's logger: ctx.Logger.Info passes no context, so the span is in the
// logger.
type spanLogger struct {
	slog.Handler
	span *span
}

func (h spanLogger) Handle(ctx context.Context, record slog.Record) error {
	return h.Handler.Handle(withSpan(ctx, h.span), record)
}

func (h spanLogger) WithAttrs(attrs []slog.Attr) slog.Handler {
	return spanLogger{h.Handler.WithAttrs(attrs), h.span}
}

func (h spanLogger) WithGroup(name string) slog.Handler {
	return spanLogger{h.Handler.WithGroup(name), h.span}
}
