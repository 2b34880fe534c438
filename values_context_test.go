package motia_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

// blockedKV is a KV that answers when the context of a call ends.
type blockedKV struct{ driver.KV }

func (blockedKV) Get(ctx context.Context, _ driver.Key) (driver.Entry, error) {
	<-ctx.Done()
	return driver.Entry{}, ctx.Err()
}

func (blockedKV) Put(ctx context.Context, _ driver.Key, _ []byte, _ driver.PutOptions) (old, new driver.Entry, err error) {
	<-ctx.Done()
	return driver.Entry{}, driver.Entry{}, ctx.Err()
}

func (blockedKV) List(ctx context.Context, _, _ string, _ *string, _ int) ([]driver.Entry, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (blockedKV) Scopes(ctx context.Context, _ string, _ *string, _ int) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// blockedBackend is one whose values cannot be reached.
func blockedBackend() *driver.Backend {
	backend := motia.InMemory(nil)
	backend.KV = blockedKV{backend.KV}
	return backend
}

func TestAnUntypedCallCanHaveADeadlineOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, &motia.Options{Backend: blockedBackend(), Streams: []motia.StreamConfig{{Name: "notes"}}})
		inv, _ := motia.FromContext(app.Context(t.Context()))
		same := func(old json.RawMessage) (any, error) { return old, nil }
		first := func(items iter.Seq2[motia.Item[json.RawMessage], error]) (failed error) {
			for _, err := range items {
				failed = err
			}
			return failed
		}
		second := func(_ any, err error) error { return err }
		calls := map[string]func(motia.StateManager, motia.StreamHandle) error{
			"state.Get":  func(s motia.StateManager, _ motia.StreamHandle) error { return second(s.Get("s", "k", new(any))) },
			"state.Load": func(s motia.StateManager, _ motia.StreamHandle) error { return second(s.Load("s", "k", new(any))) },
			"state.Set":  func(s motia.StateManager, _ motia.StreamHandle) error { return second(s.Set("s", "k", 1)) },
			"state.Update": func(s motia.StateManager, _ motia.StreamHandle) error {
				return second(s.Update("s", "k", motia.Set("a", 1)))
			},
			"state.Modify": func(s motia.StateManager, _ motia.StreamHandle) error { return second(s.Modify("s", "k", same)) },
			"state.Delete": func(s motia.StateManager, _ motia.StreamHandle) error { return second(s.Delete("s", "k")) },
			"state.List":   func(s motia.StateManager, _ motia.StreamHandle) error { return second(s.List("s")) },
			"state.All":    func(s motia.StateManager, _ motia.StreamHandle) error { return first(s.All("s", motia.FromKey("k"))) },
			"state.Clear":  func(s motia.StateManager, _ motia.StreamHandle) error { return s.Clear("s") },
			"state.Scopes": func(s motia.StateManager, _ motia.StreamHandle) error { return second(s.Scopes()) },

			"stream.Get":  func(_ motia.StateManager, h motia.StreamHandle) error { return second(h.Get("g", "i", new(any))) },
			"stream.Load": func(_ motia.StateManager, h motia.StreamHandle) error { return second(h.Load("g", "i", new(any))) },
			"stream.Set":  func(_ motia.StateManager, h motia.StreamHandle) error { return second(h.Set("g", "i", 1)) },
			"stream.Update": func(_ motia.StateManager, h motia.StreamHandle) error {
				return second(h.Update("g", "i", motia.Set("a", 1)))
			},
			"stream.Modify": func(_ motia.StateManager, h motia.StreamHandle) error { return second(h.Modify("g", "i", same)) },
			"stream.Delete": func(_ motia.StateManager, h motia.StreamHandle) error { return second(h.Delete("g", "i")) },
			"stream.List":   func(_ motia.StateManager, h motia.StreamHandle) error { return second(h.List("g")) },
			"stream.All":    func(_ motia.StateManager, h motia.StreamHandle) error { return first(h.All("g", motia.KeyPrefix("i"))) },
			"stream.Groups": func(_ motia.StateManager, h motia.StreamHandle) error { return second(h.Groups()) },
		}
		for name, call := range calls {
			for _, parent := range []context.Context{t.Context(), app.Context(t.Context())} { // of the invocation or not
				short, cancel := context.WithTimeout(parent, time.Second)
				began := time.Now()
				err := call(inv.State.With(short), inv.Streams.With(short).Get("notes"))
				require.ErrorIs(t, err, context.DeadlineExceeded, name)
				require.Equal(t, time.Second, time.Since(began), name)
				cancel()
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, inv.Streams.With(ended).Get("notes").Send("g", "i", "typing", 1), context.Canceled)
	})
}

func TestAnUntypedCallRemainsOfItsInvocationWhateverItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		causes := make(chan string, 2)
		writes := motia.CronStep(motia.StepConfig{Name: "writes", Triggers: []motia.Trigger{motia.Cron("0 0 * * *")}},
			func(ctx *motia.Ctx[motia.None]) error {
				ended, cancel := context.WithCancel(ctx)
				cancel()
				_, err := ctx.State.With(ended).Set("s", "k", 1)
				causes <- fmt.Sprint(err)
				_, err = ctx.State.With(context.Background()).Set("s", "k", 1)
				return err
			})
		follows := motia.StateStep(motia.StepConfig{Name: "follows", Triggers: []motia.Trigger{motia.State()}},
			func(_ *motia.StateInput[int], ctx *motia.Ctx[int]) error {
				causes <- ctx.TraceID
				return nil
			})
		traces := make(chan string, 2)
		app, _ := testkit.NewApp(t, &motia.Options{StepMiddleware: []motia.StepMiddleware{
			func(ctx context.Context, inv *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
				traces <- inv.TraceID
				return next(ctx)
			},
		}}, writes, follows)
		testkit.Start(t, app)
		require.Equal(t, `motia: set state "s" key "k" from step "writes": context canceled`, <-causes)
		require.Equal(t, <-traces, <-causes, "the trigger goes on with the trace of the write")
	})
}

func TestUntypedCallsOfAHandlerEndWithTheContextOfItsMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, &motia.Options{Backend: blockedBackend(), StepMiddleware: []motia.StepMiddleware{
			func(ctx context.Context, _ *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
				short, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				return next(short)
			},
		}}, motia.HTTPStep(motia.StepConfig{Name: "reads", Triggers: []motia.Trigger{motia.HTTP("GET", "/")}},
			func(_ *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
				_, err := ctx.State.Get("s", "k", new(any))
				inv, _ := motia.FromContext(ctx)
				_, again := inv.State.Get("s", "k", new(any))
				return motia.Response{Body: fmt.Sprint(err, "; ", again)}, nil
			}))
		began := time.Now()
		response := do(t, app, "GET", "/", "")
		require.Equal(t, 2, strings.Count(response.Body.String(), "context deadline exceeded"), response.Body.String())
		require.Equal(t, time.Second, time.Since(began))
	})
}
