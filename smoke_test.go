package motia_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia"
	"github.com/stretchr/testify/require"
)

type order struct {
	ID    string `json:"id" validate:"required"`
	Total int    `json:"total" validate:"gt=0"`
}

const (
	created motia.Topic[order]      = "created"
	orders  motia.Scope[order]      = "orders"
	live    motia.StreamName[order] = "live"
)

func TestSmoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		app := motia.New(&motia.Options{Streams: []motia.StreamConfig{{Name: "live"}}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		var got []string
		attempts := 0
		err := app.Register(
			motia.HTTPStep(motia.StepConfig{Name: "create", Triggers: []motia.Trigger{motia.HTTP("POST", "/orders/:id")}, Enqueues: motia.Topics(created)},
				func(in *motia.HTTPInput[order], ctx *motia.FlowContext[motia.None, order]) (motia.Response, error) {
					if _, err := orders.Set(ctx, in.Request.Body.ID, in.Request.Body); err != nil {
						return motia.Response{}, err
					}
					return motia.Response{Body: in.Request.Body}, created.Enqueue(ctx, in.Request.Body)
				}),
			motia.QueueStep(motia.StepConfig{Name: "handle", Triggers: []motia.Trigger{created.Trigger()}},
				func(o order, ctx *motia.FlowContext[motia.None, order]) error {
					attempts++
					if attempts < 3 {
						return errors.New("boom")
					}
					got = append(got, "queue "+o.ID)
					_, err := live.Set(ctx, "g", o.ID, o)
					return err
				}),
			motia.StateStep(motia.StepConfig{Name: "on-state", Triggers: []motia.Trigger{orders.Trigger()}},
				func(in *motia.StateInput[order], ctx *motia.FlowContext[motia.None, order]) error {
					got = append(got, "state "+string(in.Type)+" "+in.Key)
					return nil
				}),
			motia.StreamStep(motia.StepConfig{Name: "on-stream", Triggers: []motia.Trigger{live.Trigger()}},
				func(in *motia.StreamInput[order], ctx *motia.FlowContext[motia.None, order]) error {
					got = append(got, "stream "+string(in.Event.Type)+" "+in.ItemID)
					return nil
				}),
			motia.CronStep(motia.StepConfig{Name: "cron", Triggers: []motia.Trigger{motia.Cron("0 * * * *")}},
				func(ctx *motia.FlowContext[motia.None, motia.None]) error {
					got = append(got, "cron")
					return nil
				}),
		)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- app.Run(ctx) }()
		rec := httptest.NewRecorder()
		app.ServeHTTP(rec, httptest.NewRequest("POST", "/orders/7", strings.NewReader(`{"id":"a","total":0}`)))
		t.Log(rec.Code, rec.Body.String())
		rec = httptest.NewRecorder()
		app.ServeHTTP(rec, httptest.NewRequest("POST", "/orders/7", strings.NewReader(`{"id":"a","total":1}`)))
		t.Log(rec.Code, rec.Body.String())
		sub, err := live.Subscribe(app.Context(t.Context()), "g")
		require.NoError(t, err)
		time.Sleep(61 * time.Minute)
		t.Log(got)
		for range 2 {
			ev, err := sub.Next(t.Context())
			t.Logf("%+v %v", ev, err)
		}
		cancel()
		require.NoError(t, <-done)
		t.Log(log.String())
	})
}
