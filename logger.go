package motia

import (
	"context"
	"log/slog"

	"github.com/motia-go/motia/internal/logctx"
)

// LogHandler wraps a handler so that records logged with the context of an invocation, as with slog.InfoContext(ctx,
// ...), have its trace_id, step, trigger and attempt. [FlowContext.Logger] already does so; this is for
// slog.SetDefault:
//
//	slog.SetDefault(slog.New(motia.LogHandler(handler)))
func LogHandler(handler slog.Handler) slog.Handler {
	if h, ok := handler.(*logctx.Handler); ok {
		return h
	}
	return logctx.New(handler, func(ctx context.Context) []slog.Attr {
		if inv, ok := FromContext(ctx); ok {
			return inv.logAttrs()
		}
		return nil
	})
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
