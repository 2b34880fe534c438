// Package logctx adds attributes that belong to a context to the records that are logged with it.
package logctx

import (
	"context"
	"log/slog"
)

// Handler is a [slog.Handler] that adds the attributes of each record's context, at the top level, whatever groups
// the logger has. Make one with [New].
type Handler struct {
	base    slog.Handler // the wrapped handler
	derived slog.Handler // base with steps applied
	steps   []func(slog.Handler) slog.Handler
	attrs   func(context.Context) []slog.Attr
}

// New wraps a handler. attrs returns the attributes of a context, or nil if it has none; it may be called
// concurrently.
func New(handler slog.Handler, attrs func(context.Context) []slog.Attr) *Handler {
	return &Handler{base: handler, derived: handler, attrs: attrs}
}

// Plain returns the handler with the attributes and groups of its logger, but without those of contexts.
func (h *Handler) Plain() slog.Handler { return h.derived }

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.derived.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *Handler) Handle(ctx context.Context, record slog.Record) error {
	attrs := h.attrs(ctx)
	if attrs == nil {
		return h.derived.Handle(ctx, record)
	}
	if len(h.steps) == 0 {
		record = record.Clone() // the caller may pass the record to other handlers as well
		record.AddAttrs(attrs...)
		return h.base.Handle(ctx, record)
	}
	// The attributes belong to the top level, outside of the groups that were opened since.
	handler := h.base.WithAttrs(attrs)
	for _, step := range h.steps {
		handler = step(handler)
	}
	return handler.Handle(ctx, record)
}

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(b slog.Handler) slog.Handler { return b.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (h *Handler) WithGroup(name string) slog.Handler {
	return h.with(func(b slog.Handler) slog.Handler { return b.WithGroup(name) })
}

func (h *Handler) with(step func(slog.Handler) slog.Handler) slog.Handler {
	steps := append(h.steps[:len(h.steps):len(h.steps)], step)
	return &Handler{base: h.base, derived: step(h.derived), steps: steps, attrs: h.attrs}
}
