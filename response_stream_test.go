package motia_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// httpStreaming is a server with a step at GET /x that streams.
func httpStreaming(t *testing.T, handler func(ctx context.Context, out *motia.ResponseStream) (motia.Response, error)) (*httptest.Server, *testkit.Log) {
	t.Helper()
	app, log := testkit.NewApp(t, nil, httpStep("GET", "/x", func(in *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		return handler(ctx, in.Response)
	}))
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	return server, log
}

// httpGet requests /x; the body is closed when the test ends.
func httpGet(t *testing.T, server *httptest.Server) *http.Response {
	t.Helper()
	resp, err := http.Get(server.URL + "/x")
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestChunksArriveBeforeTheHandlerReturns(t *testing.T) {
	proceed := make(chan struct{})
	server, _ := httpStreaming(t, func(_ context.Context, out *motia.ResponseStream) (motia.Response, error) {
		out.Header().Set("X-Early", "yes")
		if err := out.Start(http.StatusAccepted); err != nil {
			return motia.Response{}, err
		}
		<-proceed
		for _, chunk := range []string{"one", "two"} {
			if _, err := io.WriteString(out, chunk); err != nil {
				return motia.Response{}, err
			}
			<-proceed
		}
		return motia.Response{}, nil
	})
	resp := httpGet(t, server) // returns although the handler waits
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.Equal(t, "yes", resp.Header.Get("X-Early"))
	require.NotEmpty(t, resp.Header.Get("X-Trace-Id"))
	for _, chunk := range []string{"one", "two"} {
		proceed <- struct{}{}
		got := make([]byte, len(chunk))
		_, err := io.ReadFull(resp.Body, got)
		require.NoError(t, err)
		require.Equal(t, chunk, string(got))
	}
	proceed <- struct{}{}
	rest, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Empty(t, rest)
}

func TestServerSentEventsFollowTheStandard(t *testing.T) {
	for _, test := range []struct {
		name  string
		event motia.ServerSentEvent
		want  string
	}{
		{"string", motia.ServerSentEvent{Data: "hello"}, "data: hello\n\n"},
		{"several lines", motia.ServerSentEvent{Data: "a\nb\r\nc\rd"}, "data: a\ndata: b\ndata: c\ndata: d\n\n"},
		{"a line break at the end", motia.ServerSentEvent{Data: "a\n"}, "data: a\ndata: \n\n"},
		{"text that looks like fields", motia.ServerSentEvent{Data: "x\n\nid: 1\nevent: e"}, "data: x\ndata: \ndata: id: 1\ndata: event: e\n\n"},
		{"empty string", motia.ServerSentEvent{Data: ""}, "data: \n\n"},
		{"bytes", motia.ServerSentEvent{Data: []byte("a\nb")}, "data: a\ndata: b\n\n"},
		{"JSON", motia.ServerSentEvent{Data: map[string]any{"a": "x\ny"}}, "data: {\"a\":\"x\\ny\"}\n\n"},
		{"everything", motia.ServerSentEvent{ID: "7", Event: "price", Data: 1.5, Retry: 2500 * time.Millisecond}, "id: 7\nevent: price\nretry: 2500\ndata: 1.5\n\n"},
		{"no data", motia.ServerSentEvent{ID: "7"}, "id: 7\n\n"},
		{"negative retry", motia.ServerSentEvent{Data: "x", Retry: -time.Second}, "data: x\n\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, _ := httpStreaming(t, func(_ context.Context, out *motia.ResponseStream) (motia.Response, error) {
				return motia.Response{}, out.Send(test.event)
			})
			resp := httpGet(t, server)
			require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
			require.Equal(t, "no-cache", resp.Header.Get("Cache-Control"))
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, test.want, string(body))
		})
	}
}

func TestServerSentEventsArriveOneByOneWithHeadersOfTheStep(t *testing.T) {
	proceed := make(chan struct{})
	server, _ := httpStreaming(t, func(_ context.Context, out *motia.ResponseStream) (motia.Response, error) {
		out.Header().Set("Cache-Control", "no-store")
		for i := range 3 {
			if err := out.Send(motia.ServerSentEvent{Data: i}); err != nil {
				return motia.Response{}, err
			}
			<-proceed
		}
		return motia.Response{}, nil
	})
	resp := httpGet(t, server)
	require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	lines := bufio.NewReader(resp.Body)
	for _, want := range []string{"data: 0\n", "data: 1\n", "data: 2\n"} {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, line)
		_, err = lines.ReadString('\n')
		require.NoError(t, err)
		proceed <- struct{}{}
	}
}

func TestLineBreaksInIDsAndTypesOfEventsAreRefused(t *testing.T) {
	for _, event := range []motia.ServerSentEvent{
		{ID: "1\ndata: injected"}, {ID: "1\rdata: injected"}, {ID: "1\x00"}, {Event: "e\ndata: injected"}, {Event: "e\r"},
	} {
		app, _ := testkit.NewApp(t, nil, httpStep("GET", "/x", func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			require.ErrorContains(t, in.Response.Send(event), "line break")
			return motia.Response{Body: "nothing was sent"}, nil
		}))
		rec := do(t, app, "GET", "/x", "")
		require.Equal(t, "nothing was sent", rec.Body.String())
		require.Equal(t, "text/plain; charset=utf-8", rec.Header().Get("Content-Type"))
	}
}

func TestAnEventThatDoesNotEncodeSendsNothing(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpStep("GET", "/x", func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		return motia.Response{}, in.Response.Send(motia.ServerSentEvent{Data: func() {}})
	}))
	rec := do(t, app, "GET", "/x", "")
	require.Equal(t, 500, rec.Code)
	problem(t, rec)
}

func TestAnErrorAfterTheStartCutsTheConnectionAndIsLogged(t *testing.T) {
	for name, test := range map[string]struct {
		end  func() error
		want string
	}{
		"error":               {func() error { return errors.New("boom") }, "boom"},
		"error with a status": {func() error { return motia.HTTPError(404, errors.New("boom")) }, "boom"},
		"panic":               {func() error { panic("boom") }, "panic: boom"},
	} {
		t.Run(name, func(t *testing.T) {
			server, log := httpStreaming(t, func(_ context.Context, out *motia.ResponseStream) (motia.Response, error) {
				if _, err := io.WriteString(out, "part"); err != nil {
					return motia.Response{}, err
				}
				return motia.Response{}, test.end()
			})
			resp := httpGet(t, server)
			require.Equal(t, 200, resp.StatusCode)
			body, err := io.ReadAll(resp.Body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Equal(t, "part", string(body))
			server.Close()
			require.Equal(t, test.want, log.Records(t, "step failed")[0]["error"])
		})
	}
}

func TestAClientThatLeavesEndsTheContext(t *testing.T) {
	ended := make(chan error, 1)
	server, log := httpStreaming(t, func(ctx context.Context, out *motia.ResponseStream) (motia.Response, error) {
		if err := out.Start(200); err != nil {
			return motia.Response{}, err
		}
		<-ctx.Done()
		ended <- ctx.Err()
		return motia.Response{}, ctx.Err()
	})
	resp := httpGet(t, server)
	require.NoError(t, resp.Body.Close())
	require.ErrorIs(t, <-ended, context.Canceled)
	server.Close()
	require.Empty(t, log.Records(t, "step failed"), "it is no failure of the step")
	require.Len(t, log.Records(t, "step failed after the client disconnected"), 1)
}

func TestAResponseBesideAStreamIsIgnoredWithAWarning(t *testing.T) {
	body := &httpBody{Reader: strings.NewReader("ignored")}
	server, log := httpStreaming(t, func(_ context.Context, out *motia.ResponseStream) (motia.Response, error) {
		_, err := io.WriteString(out, "streamed")
		return motia.Response{Status: 201, Body: body}, err
	})
	resp := httpGet(t, server)
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "streamed", string(got))
	require.Equal(t, 200, resp.StatusCode)
	server.Close()
	require.EqualValues(t, 1, body.closed.Load())
	require.Len(t, log.Records(t, "returned response is ignored: the step has already written one"), 1)
}

func TestAStreamStartsOnceWithAStatusThatCanBeSent(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpStep("GET", "/x", func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		for _, status := range []int{0, 100, 199, 1000} {
			require.ErrorContains(t, in.Response.Start(status), "out of range")
		}
		require.NoError(t, in.Response.Start(202))
		require.ErrorContains(t, in.Response.Start(200), "response has already started")
		return motia.Response{}, nil
	}))
	rec := do(t, app, "GET", "/x", "")
	require.Equal(t, 202, rec.Code)
	require.True(t, rec.Flushed)
}

func TestAHeadRequestToAStreamSendsHeadersOnly(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpStep("GET", "/x", func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		n, err := io.WriteString(in.Response, "abc")
		require.Equal(t, 3, n)
		return motia.Response{}, errors.Join(err, in.Response.Send(motia.ServerSentEvent{Data: "x"}))
	}))
	rec := do(t, app, "HEAD", "/x", "")
	require.Equal(t, 200, rec.Code)
	require.Empty(t, rec.Body.String())
}

// httpPlainWriter hides all that a writer can do but write.
type httpPlainWriter struct{ http.ResponseWriter }

func TestAWriterThatCannotFlushGetsEverythingInTheEnd(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpStep("GET", "/x", func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		return motia.Response{}, in.Response.Send(motia.ServerSentEvent{Data: "x"})
	}))
	rec := httptest.NewRecorder()
	app.ServeHTTP(struct{ http.ResponseWriter }{httpPlainWriter{rec}}, httptest.NewRequest("GET", "/x", nil))
	require.Equal(t, "data: x\n\n", rec.Body.String())
}
