package motia_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

// queueReceive sends data to a step that takes a T and returns what arrived.
func queueReceive[T any](t *testing.T, data any) (value T) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		called := false
		app, log := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *motia.FlowContext[motia.None, T], data T) error {
			called, value = true, data
			return nil
		}))
		testkit.Start(t, app)
		queueSend(t, app, "t", data)
		synctest.Wait()
		require.True(t, called, log.String())
	})
	return value
}

func TestAPayloadIsDecodedIntoAnyTypeOfInput(t *testing.T) {
	type doc struct {
		Name string `json:"name" validate:"required"`
		Next *doc   `json:"next"`
	}
	value := map[string]any{"name": "a", "next": map[string]any{"name": "b"}}
	want := doc{Name: "a", Next: &doc{Name: "b"}}
	require.Equal(t, want, queueReceive[doc](t, value))
	require.Equal(t, &want, queueReceive[*doc](t, value))
	require.Nil(t, queueReceive[*doc](t, nil))
	require.Equal(t, value, queueReceive[any](t, value))
	require.Equal(t, value, queueReceive[map[string]any](t, value))
	require.JSONEq(t, `{"name":"a","next":{"name":"b"}}`, string(queueReceive[json.RawMessage](t, value)))
	require.Equal(t, []doc{want}, queueReceive[[]doc](t, []any{value}))
	require.Equal(t, int64(9223372036854775807), queueReceive[int64](t, int64(9223372036854775807)))
	require.Equal(t, uint64(18446744073709551615), queueReceive[uint64](t, uint64(18446744073709551615)))
	require.Equal(t, "text", queueReceive[string](t, "text"))
	require.True(t, queueReceive[bool](t, true))
	require.Nil(t, queueReceive[motia.None](t, value), "None takes no payload, whatever it is")
}

type queueChecked struct {
	Qty   int    `json:"qty" validate:"gte=1"`
	Email string `json:"email" validate:"required,email"`
	Items []struct {
		SKU string `json:"sku" validate:"required"`
	} `json:"items" validate:"dive"`
}

type queueHostile struct{}

func (*queueHostile) UnmarshalJSON([]byte) error { panic("hostile payload") }

func TestABadPayloadIsDeadLetteredAtOnceWithItsFieldErrors(t *testing.T) {
	bad := func(t *testing.T, step func(called *bool) motia.Step, data any) string {
		var text string
		synctest.Test(t, func(t *testing.T) {
			var called bool
			app, log := testkit.NewApp(t, nil, step(&called))
			testkit.Start(t, app)
			queueSend(t, app, "t", data)
			synctest.Wait()
			letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
			require.NoError(t, err)
			require.Len(t, letters, 1)
			require.Len(t, letters[0].Attempts, 1)
			require.False(t, called)
			require.Len(t, log.Records(t, "message is dead-lettered"), 1)
			text = letters[0].Attempts[0].Error
		})
		return text
	}
	checked := func(called *bool) motia.Step {
		return queueStep("s", "t", func(*motia.FlowContext[motia.None, queueChecked], queueChecked) error { *called = true; return nil })
	}
	require.Equal(t, "invalid payload: qty must be at least 1; email must be an email address; items[1].sku is required",
		bad(t, checked, map[string]any{"qty": 0, "email": "x", "items": []any{map[string]any{"sku": "a"}, map[string]any{}}}))
	require.Equal(t, "invalid payload: email is required", bad(t, checked, map[string]any{"qty": 1}))
	require.Contains(t, bad(t, checked, map[string]any{"qty": "one"}), "wrong type: qty ")
	require.Contains(t, bad(t, checked, "text"), "wrong type: value ")
	require.Contains(t, bad(t, checked, json.RawMessage(`{"qty": 99999999999999999999}`)), "wrong type: qty ")
	require.Equal(t, "panic: hostile payload", bad(t, func(called *bool) motia.Step {
		return queueStep("s", "t", func(*motia.FlowContext[motia.None, queueHostile], queueHostile) error { *called = true; return nil })
	}, 1))
}

func TestAMessageThatIsNotJSONIsADeadLetterThatCanBeListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := queueSharedBackend()
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend}, queueStep("s", "t", func(*queueCtx, string) error { return nil }))
		testkit.Start(t, app)
		for _, data := range []string{`{"cut`, "", "\xff"} {
			require.NoError(t, backend.Queue.Publish(t.Context(), driver.Message{Topic: "t", Data: []byte(data)}))
			synctest.Wait()
		}
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 3)
		_, err = json.Marshal(letters)
		require.NoError(t, err)
		require.JSONEq(t, `"{\"cut"`, string(letters[0].Payload))
		require.Contains(t, letters[0].Attempts[0].Error, "malformed JSON: ")
	})
}
