package motia_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestShutdownLetsRunningHandlersFinishAndStartsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		app, log := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *queueCtx, data string) error {
			got.Add("begin " + data)
			time.Sleep(20 * time.Second)
			got.Add("end " + data)
			return ctx.Err()
		}, motia.QueueConfig{Concurrency: 1}), cronStep("* * * * * *", func(*cronCtx, time.Time) error {
			got.Add("tick")
			return nil
		}))
		stop := testkit.Start(t, app)
		queueSend(t, app, "t", "1")
		queueSend(t, app, "t", "2")
		queueSend(t, app, "t", "3", motia.After(time.Hour))
		time.Sleep(500 * time.Millisecond)
		began := time.Now()
		require.NoError(t, stop())
		require.Equal(t, 19500*time.Millisecond, time.Since(began))
		require.Equal(t, []string{"begin 1", "end 1"}, got.All())
		left := log.Records(t, "messages are lost: the backend is not durable")
		require.Len(t, left, 1)
		require.Equal(t, "s", left[0]["step"])
		require.Equal(t, `queue "t"`, left[0]["trigger"])
		require.EqualValues(t, 1, left[0]["ready"])
		require.EqualValues(t, 1, left[0]["delayed"])
		require.EqualValues(t, 0, left[0]["running"])
	})
}

func TestHandlersThatTakeTooLongAreCancelledAndTheirMessagesGivenBack(t *testing.T) {
	for name, heeds := range map[string]bool{"heeding the context": true, "not heeding it": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got testkit.List[string]
				free := make(chan struct{})
				backend := queueSharedBackend()
				step := queueStep("s", "t", func(ctx *queueCtx, data string) error {
					got.Add(fmt.Sprint(data, ctx.Trigger.Attempt))
					if len(got.All()) > 2 {
						return nil // in the second app
					}
					<-ctx.Done()
					require.ErrorIs(t, ctx.Err(), context.Canceled)
					require.ErrorIs(t, context.Cause(ctx), motia.ErrShutdown)
					if !heeds {
						<-free
					}
					return motia.Permanent(ctx.Err()) // says nothing about the message
				})
				first, log := testkit.NewApp(t, &motia.Options{Backend: backend, ShutdownTimeout: time.Minute}, step)
				stop := testkit.Start(t, first)
				queueSend(t, first, "t", "a", motia.InGroup("g"))
				queueSend(t, first, "t", "b")
				queueSend(t, first, "t", "c", motia.InGroup("g"))
				synctest.Wait()
				began := time.Now()
				err := stop()
				var cut *motia.ShutdownError
				require.ErrorAs(t, err, &cut)
				require.Equal(t, &motia.ShutdownError{Timeout: time.Minute, Running: []string{"s", "s"}}, cut)
				require.EqualError(t, err, `motia: steps did not finish within the shutdown timeout of 1m0s: "s", "s"`)
				if heeds {
					require.Equal(t, time.Minute, time.Since(began))
				} else {
					require.Equal(t, time.Minute+time.Second, time.Since(began))
				}
				left := log.Records(t, "messages are lost: the backend is not durable")
				require.Len(t, left, 1)
				require.EqualValues(t, 3, left[0]["ready"])

				second, _ := testkit.NewApp(t, &motia.Options{Backend: backend}, step)
				testkit.Start(t, second)
				synctest.Wait()
				require.ElementsMatch(t, []string{"a1", "b1", "a1", "c1", "b1"}, got.All(), "the attempt does not count")
				close(free)
				synctest.Wait()
				require.Empty(t, deadIDs(t, second, "", 1))
				require.Len(t, got.All(), 5, "late results are ignored")
			})
		})
	}
}

func TestAHandlerThatFinishesDespiteItsCancellationIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := queueSharedBackend()
		app, log := testkit.NewApp(t, &motia.Options{Backend: backend, ShutdownTimeout: time.Second}, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
			<-ctx.Done()
			return nil
		}))
		stop := testkit.Start(t, app)
		queueSend(t, app, "t", "")
		synctest.Wait()
		require.ErrorAs(t, stop(), new(*motia.ShutdownError))
		require.Empty(t, log.Records(t, "messages are lost: the backend is not durable"))
	})
}

func TestHandlersMayUseTheAppWhileItShutsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var results []error
		app, log := testkit.NewApp(t, nil, motia.QueueStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.Queue("t")}, Enqueues: []string{"next"}},
			func(_ string, ctx *motia.FlowContext[string, string]) error {
				time.Sleep(time.Second)
				_, err := ctx.State.Set("scope", "key", 1)
				results = append(results, ctx.Err(), err, ctx.Enqueue(motia.Message[string]{Topic: "next", Data: "x"}))
				return nil
			}), queueStep("next", "next", func(*queueCtx, string) error {
			results = append(results, errors.New("started during the shutdown"))
			return nil
		}))
		stop := testkit.Start(t, app)
		queueSend(t, app, "t", "")
		synctest.Wait()
		require.NoError(t, stop())
		require.Equal(t, []error{nil, nil, nil}, results)
		require.Len(t, log.Records(t, "messages are lost: the backend is not durable"), 1)
	})
}

func TestRequestsFinishAndNewOnesAreRefusedDuringShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil, motia.HTTPStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.HTTP("GET", "/")}},
			func(*motia.HTTPInput[motia.None], *cronCtx) (motia.Response, error) {
				time.Sleep(time.Second)
				return motia.Response{Body: "done"}, nil
			}))
		stop := testkit.Start(t, app)
		codes := make(chan int, 2)
		go func() { codes <- do(t, app, "GET", "/", "").Code }()
		synctest.Wait()
		go func() {
			time.Sleep(time.Second / 2)
			codes <- do(t, app, "GET", "/", "").Code
		}()
		began := time.Now()
		require.NoError(t, stop())
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, []int{503, 200}, []int{<-codes, <-codes})
	})
}

func TestNoRequestIsTakenWhileSubscriptionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := motia.InMemory(nil)
		stuck := &testkit.Stuck{KV: backend.KV}
		stuck.Works.Store(true)
		backend.KV = stuck
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- app.Run(ctx) }()
		testkit.SubscribeNotes(t, app, "g")
		stuck.Works.Store(false)
		cancel()
		synctest.Wait() // Run waits for the events before the end of the subscription
		answer := httptest.NewRecorder()
		app.ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.Empty(t, ended)
		require.NoError(t, <-ended)
	})
}

func TestARequestThatTakesTooLongIsNamedInTheShutdownError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, &motia.Options{ShutdownTimeout: time.Second}, motia.HTTPStep(motia.StepConfig{Name: "slow", Triggers: []motia.Trigger{motia.HTTP("GET", "/")}},
			func(*motia.HTTPInput[motia.None], *cronCtx) (motia.Response, error) {
				time.Sleep(time.Minute)
				return motia.Response{}, nil
			}))
		stop := testkit.Start(t, app)
		go do(t, app, "GET", "/", "")
		synctest.Wait()
		began := time.Now()
		var cut *motia.ShutdownError
		require.ErrorAs(t, stop(), &cut)
		require.Equal(t, []string{"slow"}, cut.Running)
		require.Less(t, time.Since(began), 5*time.Second, "it is not waited for any longer")
		time.Sleep(time.Minute)
	})
}

func TestAHandlerThatFollowsAStreamDoesNotHoldUpTheShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const live motia.StreamName[int] = "live"
		app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "live"}}},
			motia.HTTPStep(motia.StepConfig{Name: "follow", Triggers: []motia.Trigger{motia.HTTP("GET", "/follow")}},
				func(in *motia.HTTPInput[motia.None], ctx *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
					events, err := live.Subscribe(ctx, "g")
					if err != nil {
						return motia.Response{}, err
					}
					for _, err := range events.Events(ctx) {
						if err != nil {
							return motia.Response{}, err
						}
					}
					return motia.Response{Body: "done"}, nil
				}))
		stop := testkit.Start(t, app)
		answered := make(chan *httptest.ResponseRecorder, 1)
		go func() { answered <- do(t, app, "GET", "/follow", "") }()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, stop())
		require.Zero(t, time.Since(began))
		answer := <-answered
		require.Equal(t, 200, answer.Code, answer.Body)
	})
}

func TestAHandlerThatEndsWithTheShutdownsErrorBurnsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const live motia.StreamName[int] = "live"
		backend := motia.InMemory(nil)
		backend.Close = nil // the second app goes on with it
		newOne := func(handler func(*queueCtx) error) *motia.App {
			app, _ := testkit.NewApp(t, &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "live"}}},
				queueStep("follow", "t", func(ctx *queueCtx, _ string) error { return handler(ctx) }, motia.QueueConfig{MaxAttempts: 1}))
			return app
		}
		first := newOne(func(ctx *queueCtx) error {
			events, err := live.Subscribe(ctx, "g")
			for err == nil {
				_, err = events.Next(ctx)
			}
			return err
		})
		stop := testkit.Start(t, first)
		queueSend(t, first, "t", "x")
		synctest.Wait()
		require.NoError(t, stop())

		attempts := make(chan int, 1)
		second := newOne(func(ctx *queueCtx) error {
			attempts <- ctx.Trigger.Attempt
			return nil
		})
		testkit.Start(t, second)
		require.Equal(t, 1, <-attempts)
	})
}

func TestChangesThatHandlersMakeDuringTheShutdownReachTheirTriggersQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const jobs motia.Scope[int] = "jobs"
		app, log := testkit.NewApp(t, nil,
			queueStep("work", "t", func(ctx *queueCtx, _ string) error {
				time.Sleep(time.Second) // the shutdown begins meanwhile
				_, err := jobs.Set(ctx, "j", 1)
				time.Sleep(time.Second)
				return err
			}),
			motia.StateStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{jobs.Trigger()}},
				func(*motia.StateInput[int], *motia.FlowContext[motia.None, int]) error { return nil }))
		stop := testkit.Start(t, app)
		queueSend(t, app, "t", "x")
		synctest.Wait()
		require.NoError(t, stop())
		left := log.Records(t, "messages are lost: the backend is not durable")
		require.Len(t, left, 1, "it is known what was not handled")
		require.Equal(t, "watch", left[0]["step"])
	})
}
