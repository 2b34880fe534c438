package motia

import (
	"context"
	"log/slog"
)

// LogHandler wraps a handler so that records logged with the context of an invocation, as by slog.InfoContext(ctx,
// ...), carry its trace_id, step, trigger and attempt. The loggers of an app's invocations do so already; this is for
// slog.SetDefault:
//
//	slog.SetDefault(slog.New(motia.LogHandler(handler)))
func LogHandler(handler slog.Handler) slog.Handler {
	if h, ok := handler.(*contextLogHandler); ok {
		return h
	}
	return &contextLogHandler{base: handler, derived: handler}
}

// contextLogHandler finds the invocation in the context of each record.
type contextLogHandler struct {
	base    slog.Handler // as wrapped
	derived slog.Handler // base with steps applied
	steps   []func(slog.Handler) slog.Handler
}

func (h *contextLogHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.derived.Enabled(ctx, level)
}

func (h *contextLogHandler) Handle(ctx context.Context, record slog.Record) error {
	inv, ok := FromContext(ctx)
	if !ok {
		return h.derived.Handle(ctx, record)
	}
	if len(h.steps) == 0 {
		record = record.Clone() // the caller may hand it to other handlers as well
		record.AddAttrs(inv.logAttrs()...)
		return h.base.Handle(ctx, record)
	}
	// The attributes belong to the top level, outside of the groups that were opened since.
	handler := h.base.WithAttrs(inv.logAttrs())
	for _, step := range h.steps {
		handler = step(handler)
	}
	return handler.Handle(ctx, record)
}

func (h *contextLogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(b slog.Handler) slog.Handler { return b.WithAttrs(attrs) })
}

func (h *contextLogHandler) WithGroup(name string) slog.Handler {
	return h.with(func(b slog.Handler) slog.Handler { return b.WithGroup(name) })
}

func (h *contextLogHandler) with(step func(slog.Handler) slog.Handler) slog.Handler {
	steps := append(h.steps[:len(h.steps):len(h.steps)], step)
	return &contextLogHandler{h.base, step(h.derived), steps}
}

// invocationLogHandler is the handler of an invocation's own logger. It costs nothing until something is logged.
type invocationLogHandler struct {
	inv *Invocation
}

func (h *invocationLogHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inv.app.logHandler.Enabled(ctx, level)
}

func (h *invocationLogHandler) Handle(ctx context.Context, record slog.Record) error {
	record.AddAttrs(h.inv.logAttrs()...)
	return h.inv.app.logHandler.Handle(ctx, record)
}

func (h *invocationLogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.inv.app.logHandler.WithAttrs(h.inv.logAttrs()).WithAttrs(attrs)
}

func (h *invocationLogHandler) WithGroup(name string) slog.Handler {
	return h.inv.app.logHandler.WithAttrs(h.inv.logAttrs()).WithGroup(name)
}

func (inv *Invocation) logAttrs() []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 4), slog.String("trace_id", inv.TraceID))
	if inv.step != nil {
		attrs = append(attrs,
			slog.String("step", inv.Step),
			slog.String("trigger", string(inv.Trigger.Type)),
			slog.Int("attempt", inv.Trigger.Attempt))
	}
	return attrs
}
