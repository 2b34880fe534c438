package logctx_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/slogtest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/logctx"
)

type key struct{}

func attrs(ctx context.Context) []slog.Attr {
	if id, ok := ctx.Value(key{}).(string); ok {
		return []slog.Attr{slog.String("id", id)}
	}
	return nil
}

func newLogger() (*slog.Logger, *bytes.Buffer) {
	var out bytes.Buffer
	options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}}
	return slog.New(logctx.New(slog.NewJSONHandler(&out, options), attrs)), &out
}

func TestAttributesOfTheContextAreAtTheTopLevelWhateverTheGroups(t *testing.T) {
	log, out := newLogger()
	ctx := context.WithValue(t.Context(), key{}, "a1")
	log.InfoContext(ctx, "plain")
	log.With("x", 1).WithGroup("g").InfoContext(ctx, "grouped", "y", 2)
	log.WithGroup("g").InfoContext(t.Context(), "without", "y", 2)
	require.Equal(t, `{"msg":"plain","id":"a1"}
{"msg":"grouped","id":"a1","x":1,"g":{"y":2}}
{"msg":"without","g":{"y":2}}
`, out.String())
}

func TestTheCallersRecordIsNotChanged(t *testing.T) {
	log, _ := newLogger()
	var record slog.Record
	record.AddAttrs(slog.Int("n", 1))
	require.NoError(t, log.Handler().Handle(context.WithValue(t.Context(), key{}, "a1"), record))
	require.Equal(t, 1, record.NumAttrs())
}

func TestAHandlerOfContextsIsAHandler(t *testing.T) {
	var out bytes.Buffer
	handler := logctx.New(slog.NewJSONHandler(&out, nil), attrs)
	require.NoError(t, slogtest.TestHandler(handler, func() []map[string]any { return decode(t, &out) }))
}

func decode(t *testing.T, out *bytes.Buffer) (records []map[string]any) {
	for line := range bytes.Lines(out.Bytes()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal(line, &record))
		records = append(records, record)
	}
	return records
}
