package motia_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestMatchCallsTheHandlerOfTheTriggerThatFired(t *testing.T) {
	var got testkit.List[string]
	status, dead, _ := matchFire(t, func(_ motia.Input[*matchDoc], ctx *matchCtx) (motia.Response, error) {
		return ctx.Match(motia.MatchHandlers[*matchDoc]{
			HTTP: func(in *motia.HTTPInput[*matchDoc]) (motia.Response, error) {
				got.Add(fmt.Sprint("http ", in.Request.PathParams["id"], in.Request.Body.N))
				return motia.Response{Status: 201}, nil
			},
			Queue: func(d *matchDoc) error { got.Add(fmt.Sprint("queue ", d.N)); return errBoom },
			Cron:  func() error { got.Add("cron"); return nil },
			State: func(in *motia.StateInput[*matchDoc]) error {
				got.Add(fmt.Sprint("state ", in.Key, (*in.New).N))
				return errBoom
			},
			Stream: func(in *motia.StreamInput[*matchDoc]) error {
				got.Add(fmt.Sprint("stream ", in.ItemID, in.Event.Data.N))
				return nil
			},
			Default: func(motia.Input[*matchDoc]) (motia.Response, error) { got.Add("default"); return motia.Response{}, nil },
		})
	})
	require.Equal(t, 201, status)
	require.Equal(t, []string{"http 71", "queue 2", "cron", "state key3", "stream item4"}, got.All())
	require.Len(t, dead, 2, "errors are those of the handlers")
}

func TestMatchWithoutTheHandlerCallsDefault(t *testing.T) {
	var got testkit.List[string]
	status, dead, log := matchFire(t, func(in motia.Input[*matchDoc], ctx *matchCtx) (motia.Response, error) {
		return ctx.Match(motia.MatchHandlers[*matchDoc]{Default: func(same motia.Input[*matchDoc]) (motia.Response, error) {
			require.Equal(t, in, same)
			got.Add(string(ctx.Trigger.Type))
			return motia.Response{Status: 202}, nil
		}})
	})
	require.Equal(t, 202, status)
	require.Equal(t, []string{"http", "queue", "cron", "state", "stream"}, got.All())
	require.Empty(t, dead)
	require.Empty(t, log.Records(t, "no handler matched"))
}

func TestMatchWithoutAnyHandlerIsATypedErrorAndAWarning(t *testing.T) {
	var all testkit.List[*motia.NoHandlerError]
	status, dead, log := matchFire(t, func(_ motia.Input[*matchDoc], ctx *matchCtx) (motia.Response, error) {
		h := motia.MatchHandlers[*matchDoc]{Cron: func() error { return nil }}
		if ctx.Trigger.Type != motia.TriggerQueue {
			h.Queue = func(*matchDoc) error { return nil }
		}
		response, err := ctx.Match(h)
		var none *motia.NoHandlerError
		if ctx.Trigger.Type != motia.TriggerCron {
			require.ErrorAs(t, err, &none)
			all.Add(none)
		}
		return response, err
	})
	require.Equal(t, 500, status)
	require.Len(t, dead, 3)
	failed := all.All()
	require.Equal(t, []*motia.NoHandlerError{
		{Trigger: motia.TriggerHTTP, Available: []string{"queue", "cron"}},
		{Trigger: motia.TriggerQueue, Available: []string{"cron"}},
		{Trigger: motia.TriggerState, Available: []string{"queue", "cron"}},
		{Trigger: motia.TriggerStream, Available: []string{"queue", "cron"}},
	}, failed)
	require.EqualError(t, failed[0], `motia: no handler for trigger type "http"; available: "queue", "cron"`)
	require.EqualError(t, &motia.NoHandlerError{Trigger: motia.TriggerHTTP}, `motia: no handler for trigger type "http"; available: none`)
	warnings := log.Records(t, "no handler matched")
	require.Len(t, warnings, 4)
	require.Equal(t, "WARN", warnings[0]["level"])
	require.Equal(t, "all", warnings[0]["step"])
	require.Equal(t, "http", warnings[0]["trigger_type"])
	require.Equal(t, []any{"queue", "cron"}, warnings[0]["available"])
}

func TestMatchWithAResultOfAnyType(t *testing.T) {
	var got testkit.List[int]
	status, _, _ := matchFire(t, func(in motia.Input[*matchDoc], ctx *matchCtx) (motia.Response, error) {
		n, err := motia.Match(ctx, motia.MatchHandlersOf[*matchDoc, int]{
			HTTP:    func(in *motia.HTTPInput[*matchDoc]) (int, error) { return 10 + in.Request.Body.N, nil },
			Queue:   func(d *matchDoc) (int, error) { return 20 + d.N, nil },
			Cron:    func() (int, error) { return 30, nil },
			State:   func(in *motia.StateInput[*matchDoc]) (int, error) { return 40 + (*in.New).N, nil },
			Default: func(motia.Input[*matchDoc]) (int, error) { return 50, nil },
		})
		got.Add(n)
		return motia.Response{}, err
	})
	require.Equal(t, 204, status)
	require.Equal(t, []int{11, 22, 30, 43, 50}, got.All())
}

func TestGuardsAndTypeSwitchesNarrowTheInput(t *testing.T) {
	var got testkit.List[string]
	matchFire(t, func(in motia.Input[*matchDoc], ctx *matchCtx) (motia.Response, error) {
		http, isHTTP := ctx.Is.HTTP(in)
		queue, isQueue := ctx.Is.Queue(in)
		cron, isCron := ctx.Is.Cron(in)
		state, isState := ctx.Is.State(in)
		stream, isStream := ctx.Is.Stream(in)
		require.Equal(t, []bool{isHTTP, isQueue, isCron, isState, isStream}, []bool{http != nil, queue != nil, cron != nil, state != nil, stream != nil})
		switch in := in.(type) {
		case *motia.HTTPInput[*matchDoc]:
			require.Same(t, http, in)
			got.Add("http")
		case *motia.QueueInput[*matchDoc]:
			require.Same(t, queue, in)
			got.Add("queue")
		case *motia.CronInput[*matchDoc]:
			require.Same(t, cron, in)
			got.Add("cron")
		case *motia.StateInput[*matchDoc]:
			require.Same(t, state, in)
			got.Add("state")
		case *motia.StreamInput[*matchDoc]:
			require.Same(t, stream, in)
			got.Add("stream")
		}
		return motia.Response{}, nil
	})
	require.Equal(t, []string{"http", "queue", "cron", "state", "stream"}, got.All())
}
