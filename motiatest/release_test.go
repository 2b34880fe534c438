package motiatest_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

// encoding/json is a different implementation from Go 1.27 on. A golden file is the same with both.

type parcel struct {
	Qty   int         `json:"qty,string"`
	Price json.Number `json:"price"`
}

func TestAStoryIsTheSameOnEveryRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := motiatest.Run(t, nil, createOrder,
			motia.QueueStep(motia.StepConfig{Name: "log", Triggers: []motia.Trigger{motia.Queue("log")}},
				func(_ any, ctx *motia.FlowContext[motia.None, any]) error {
					ctx.Logger.Info("bytes", "a", "\xff", "in", []string{"\xff"})
					ctx.Logger.Info("raw", "nil", json.RawMessage(nil), "text", json.RawMessage(` {"<": "\ufffd" }`))
					ctx.Logger.Info("values", "f", func() {}, "nan", []float64{math.NaN()}, "number", json.Number("x"), "error", errors.New("<no>"))
					return motia.Permanent(errors.New("done"))
				}),
			motia.QueueStep(motia.StepConfig{Name: "ship", Triggers: []motia.Trigger{motia.Queue("ship")}},
				func(parcel, *motia.FlowContext[motia.None, parcel]) error { return nil }))
		app.Do(motiatest.Request("POST", "/orders", `{"id":`))
		app.Do(motiatest.Request("POST", "/orders", `{"total":"450"}`))
		app.Do(motiatest.Request("GET", "/nowhere", nil))
		motiatest.Enqueue(app, motia.Topic[any]("log"), any("a\xff"))
		motiatest.Enqueue(app, motia.Topic[any]("ship"), any(map[string]any{"qty": 1}))
		motiatest.Enqueue(app, motia.Topic[any]("ship"), any(map[string]any{"price": "a"}))
		motiatest.SetState(app, motia.Scope[json.RawMessage]("raw"), "k", nil)
		app.Idle()
		motiatest.Golden(t, app)
	})
}

func TestAGoldenFileOfRawJSONIsIndented(t *testing.T) {
	motiatest.Golden(t, json.RawMessage(`{"a":[1,{}],"b":"\ufffd"}`))
}

func TestWhatIsOfAnotherTypeIsNamedInTheSameWordsOnEveryRelease(t *testing.T) {
	for want, test := range map[string]func(t motiatest.TB){
		"motiatest: a message to t is not of type *[]json.RawMessage: wrong type: value must be an array, not an object\n{\"id\":\"\",\"email\":\"\",\"total\":0}": func(t motiatest.TB) {
			app := motiatest.Run(t, nil)
			motiatest.Enqueue(app, motia.Topic[Order]("t"), Order{})
			motiatest.Enqueued(t, app, motia.Topic[[]json.RawMessage]("t"))
		},
		"motiatest: got cannot be encoded as JSON: json: [a]: unsupported value: NaN": func(t motiatest.TB) {
			motiatest.Equal(t, 1, map[string]float64{"a": math.NaN()})
		},
		"motiatest: the input cannot be encoded: json: error calling MarshalJSON for type json.RawMessage: unexpected end of JSON input at line 1, column 1": func(t motiatest.TB) {
			motiatest.Invoke(t, createOrder, motiatest.Queue(motia.Topic[json.RawMessage]("t"), json.RawMessage{}))
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			failed, output := failsIn(t, test)
			require.True(t, failed)
			require.Contains(t, output, want)
		})
	}
}
