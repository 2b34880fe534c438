package motia_test

import (
	"context"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

func TestAnAppRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil)
		stop := testkit.Start(t, app)
		synctest.Wait()
		require.ErrorIs(t, app.Run(t.Context()), motia.ErrRunning)
		require.ErrorIs(t, app.Register(queueStep("s", "t", func(*queueCtx, string) error { return nil })), motia.ErrRunning)
		require.NoError(t, stop())
		require.ErrorIs(t, app.Run(t.Context()), motia.ErrShutdown)
		require.ErrorIs(t, app.Register(), motia.ErrShutdown)
		require.Equal(t, 503, do(t, app, "GET", "/", "").Code)
	})
}

func TestRunWithAContextThatHasEndedShutsDownAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := 0
		backend := queueSharedBackend()
		backend.Close = func(ctx context.Context) error {
			require.NoError(t, ctx.Err(), "closing takes no less time because the app's context has ended")
			closed++
			return nil
		}
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend}, queueStep("s", "t", func(*queueCtx, string) error { return nil }))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		require.NoError(t, app.Run(ctx))
		require.Zero(t, time.Since(began))
		require.Equal(t, 1, closed)
		require.ErrorIs(t, app.Run(ctx), motia.ErrShutdown)
		require.Equal(t, 1, closed)
	})
}

func TestAFailureToCloseTheBackendIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := queueSharedBackend()
		backend.Close = func(context.Context) error { return errBoom }
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend})
		err := testkit.Start(t, app)()
		require.ErrorIs(t, err, errBoom)
		require.EqualError(t, err, "motia: close backend: boom")
	})
}

// runQueue is a queue whose consumers fail after a while.
type runQueue struct {
	driver.Queue
	after time.Duration
	drain bool // fail only while draining
}

func (q runQueue) Consume(ctx context.Context, _ string, o driver.ConsumeOptions, _ driver.Handler) error {
	if q.drain {
		<-o.Drain
	}
	time.Sleep(q.after)
	return errBoom
}

func TestAFailureOfTheBackendEndsRunWithItsError(t *testing.T) {
	for name, q := range map[string]runQueue{"at once": {}, "later": {after: time.Hour}, "during the shutdown": {drain: true, after: time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				backend := queueSharedBackend()
				q.Queue = backend.Queue
				backend.Queue = q
				app, _ := testkit.NewApp(t, &motia.Options{Backend: backend}, queueStep("s", "t", func(*queueCtx, string) error { return nil }))
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				err := app.Run(ctx)
				require.ErrorIs(t, err, errBoom)
				require.ErrorContains(t, err, "motia: consume for step s: boom")
				require.Equal(t, q.drain, ctx.Err() != nil)
			})
		})
	}
}

func TestTheFirstAppToShutDownClosesASharedBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := motia.InMemory(nil)
		step := queueStep("s", "t", func(*queueCtx, string) error { return nil })
		one, _ := testkit.NewApp(t, &motia.Options{Backend: backend}, step)
		two, _ := testkit.NewApp(t, &motia.Options{Backend: backend}, step)
		stopOne, stopTwo := testkit.Start(t, one), testkit.Start(t, two)
		synctest.Wait()
		require.NoError(t, stopOne())
		synctest.Wait()
		require.ErrorIs(t, motia.Topic[int]("t").Enqueue(two.Context(t.Context()), 1), motia.ErrShutdown)
		require.ErrorIs(t, stopTwo(), driver.ErrClosed)
	})
}

func TestNoGoroutineIsLeftAfterRun(t *testing.T) {
	before := runGoroutines()
	app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "live"}}},
		queueStep("q", "t", func(*queueCtx, string) error { return errBoom }),
		cronStep("* * * * * *", func(*cronCtx, time.Time) error { return nil }),
		motia.StateStep(motia.StepConfig{Name: "state", Triggers: []motia.Trigger{motia.State()}}, func(*motia.StateInput[int], *motia.FlowContext[motia.None, int]) error { return nil }),
		motia.StreamStep(motia.StepConfig{Name: "stream", Triggers: []motia.Trigger{motia.Stream("live")}}, func(*motia.StreamInput[int], *motia.FlowContext[motia.None, int]) error { return nil }))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- app.Serve(ctx, listener) }()
	client := &http.Client{Transport: &http.Transport{}}
	response, err := client.Get("http://" + listener.Addr().String() + "/nowhere")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	host := app.Context(t.Context())
	sub, err := motia.StreamName[int]("live").Subscribe(host, "g")
	require.NoError(t, err)
	_, err = sub.Next(t.Context())
	require.NoError(t, err)
	queueSend(t, app, "t", "")
	_, err = motia.Scope[int]("s").Set(host, "k", 1)
	require.NoError(t, err)
	client.CloseIdleConnections()
	cancel()
	require.NoError(t, <-done)
	_, err = sub.Next(t.Context())
	require.ErrorIs(t, err, motia.ErrShutdown)
	for until := time.Now().Add(5 * time.Second); runGoroutines() > before; runtime.Gosched() { // goroutines on their last statement still count
		require.True(t, time.Now().Before(until), "%d goroutines are left", runGoroutines()-before)
	}
}

// runGoroutines counts the goroutines that run code of the module or of net/http, but for those of tests.
func runGoroutines() (n int) {
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if !strings.Contains(stack, "testing.tRunner(") && (strings.Contains(stack, "motia-go/motia") || strings.Contains(stack, "net/http")) {
			n++
		}
	}
	return n
}

func TestMistakesInOptionsEndRunBeforeItBegins(t *testing.T) {
	app := motia.New(&motia.Options{ShutdownTimeout: -1, Queue: motia.QueueConfig{MaxAttempts: -1, Concurrency: -1, Type: "lifo"}})
	for _, err := range []error{app.Run(t.Context()), app.Register()} {
		for _, mistake := range []string{"Options.ShutdownTimeout is negative", "QueueConfig.MaxAttempts is negative: -1", "QueueConfig.Concurrency is negative: -1", `unknown queue type "lifo"`} {
			require.ErrorContains(t, err, mistake)
		}
	}
}
