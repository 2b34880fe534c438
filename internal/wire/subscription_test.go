package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/wire"
)

// A durable backend keeps messages under these ids, so changing one loses messages.
func TestIDsOfSubscriptionsHaveThisForm(t *testing.T) {
	orders := "orders/new"
	for id, s := range map[string]wire.Subscription{
		"send+mail/queue/order-created":         {Step: "send mail", Kind: "queue", Topic: "order-created"},
		"report/cron/0+2+%2A+%2A+%2A":           {Step: "report", Kind: "cron", Expression: "0 2 * * *"},
		"report/cron/%40daily/Europe%2FBerlin":  {Step: "report", Kind: "cron", Expression: "@daily", Zone: "Europe/Berlin"},
		"audit/state/%2A/%2A":                   {Step: "audit", Kind: "state"},
		"audit/state/%3Dorders%2Fnew/%2A":       {Step: "audit", Kind: "state", Scope: &orders},
		"audit/state/%2A/%3Dorders%2Fnew":       {Step: "audit", Kind: "state", Key: &orders},
		"push/stream/board/%2A/%3Dorders%2Fnew": {Step: "push", Kind: "stream", Stream: "board", Item: &orders},
		"@queue/%40mail/order-created":          {Step: "send mail", Kind: "queue", Name: "@mail", Topic: "order-created"},
		"@cron/nightly":                         {Step: "report", Kind: "cron", Name: "nightly", Expression: "@daily", Zone: "Europe/Berlin"},
		"@state/large/%3Dorders%2Fnew":          {Step: "audit", Kind: "state", Name: "large", Scope: &orders, Key: &orders},
		"@stream/large/board":                   {Step: "push", Kind: "stream", Name: "large", Stream: "board", Group: &orders, Item: &orders},
	} {
		require.Equal(t, id, s.ID())
		step, kind := wire.StepAndKind(id)
		require.Equal(t, s.Kind, kind)
		if s.Name == "" {
			require.Equal(t, s.Step, step)
		}
	}
}

func TestAnIDOfSomebodyElseTellsNoStep(t *testing.T) {
	for _, id := range []string{"", "%", "%zz/queue/t"} {
		step, kind := wire.StepAndKind(id)
		require.Empty(t, step+kind, "%q", id)
	}
}

func TestDifferentSubscriptionsHaveDifferentIDs(t *testing.T) {
	names := append([]string{"/", "//", "a/", "/a", "%2F", "*", "=", "@", "@queue", "queue", "state", "+"}, hostile...)
	seen := make(map[string]wire.Subscription)
	add := func(s wire.Subscription) {
		id := s.ID()
		if other, taken := seen[id]; taken || strings.Contains(id, ":") {
			t.Fatalf("id %q of %+v, and of %+v", id, s, other)
		}
		seen[id] = s
	}
	for _, a := range names {
		for _, b := range names {
			if a != "" {
				add(wire.Subscription{Name: a, Kind: "queue", Topic: b})
				add(wire.Subscription{Name: a, Kind: "state", Scope: &b})
				add(wire.Subscription{Name: a, Kind: "stream", Stream: b})
			}
			add(wire.Subscription{Step: a, Kind: "queue", Topic: b})
			add(wire.Subscription{Step: a, Kind: "cron", Expression: b})
			add(wire.Subscription{Step: a, Kind: "state", Key: &b})
			add(wire.Subscription{Step: a, Kind: "state", Scope: &b})
			add(wire.Subscription{Step: a, Kind: "stream", Stream: b})
			for _, c := range names {
				add(wire.Subscription{Step: a, Kind: "state", Scope: &b, Key: &c})
				add(wire.Subscription{Step: a, Kind: "stream", Stream: b, Group: &c})
				add(wire.Subscription{Step: a, Kind: "stream", Stream: b, Item: &c})
				if c != "" {
					add(wire.Subscription{Step: a, Kind: "cron", Expression: b, Zone: c})
				}
			}
		}
		if a != "" {
			add(wire.Subscription{Name: a, Kind: "cron"})
			add(wire.Subscription{Name: a, Kind: "state"})
		}
		add(wire.Subscription{Step: a, Kind: "state"})
	}
}
