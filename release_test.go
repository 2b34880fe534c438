package motia_test

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

// encoding/json is another engine from Go 1.27 on. What clients, logs, dead letters and callers see must not show which.

type releaseOrder struct {
	ID    string          `json:"id"`
	Total int             `json:"total,string"`
	Lines []releaseLine   `json:"lines"`
	Photo []byte          `json:"photo"`
	Extra json.RawMessage `json:"extra"`
}

type releaseLine struct {
	Qty    int8        `json:"qty"`
	Price  json.Number `json:"price"`
	Weight float64     `json:"weight"`
}

// releaseRefuses is a value of the user's that does not encode.
type releaseRefuses struct{ Reason string }

func (r releaseRefuses) MarshalJSON() ([]byte, error) {
	return nil, fmt.Errorf("refused: %s", r.Reason)
}

func TestARequestGetsTheSameAnswerOnEveryRelease(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpStep("POST", "/x", func(in *motia.HTTPInput[releaseOrder], _ *motia.FlowContext[any, releaseOrder]) (motia.Response, error) {
		return motia.Response{Body: in.Request.Body}, nil
	}))
	const (
		malformed = `400 {"type":"about:blank","title":"Bad Request","status":400,"detail":"malformed JSON: %[1]s","traceId":"-","errors":[{"field":"","rule":"json","message":"%[1]s"}]}`
		wrongType = `400 {"type":"about:blank","title":"Bad Request","status":400,"detail":"wrong type: %[1]s %[2]s","traceId":"-","errors":[{"field":"%[1]s","rule":"type","message":"%[2]s"}]}`
	)
	for body, want := range map[string]string{
		`{"id":"a\ud800<","total":"12","lines":[{"qty":1,"price":"1.50","weight":1e2}],"photo":"aGk=","extra":{"a": "\ufffd"}}`: `200 {"id":"a` + "\uFFFD" + `\u003c","total":"12","lines":[{"qty":1,"price":1.50,"weight":100}],"photo":"aGk=","extra":{"a":"` + "\uFFFD" + `"}}` + "\n",
		`{}`: `200 {"id":"","total":"0","lines":null,"photo":null,"extra":null}` + "\n",
		`{"ID":"a","id":"b","extra":null,"lines":[{"qty":1}],"lines":[{"weight":2}]}`: `200 {"id":"b","total":"0","lines":[{"qty":1,"price":0,"weight":2}],"photo":null,"extra":null}` + "\n",
		``:                             fmt.Sprintf(malformed, "no JSON value"),
		`{"id":"a",}`:                  fmt.Sprintf(malformed, "invalid character '}' looking for beginning of object key string at line 1, column 11"),
		"{\n\"id\":\"größe\" é}":       fmt.Sprintf(malformed, "invalid character 'é' after object key:value pair at line 2, column 14"),
		`{"id":"a\qb"}`:                fmt.Sprintf(malformed, "invalid character 'q' in string escape code at line 1, column 10"),
		`{"id":"a`:                     fmt.Sprintf(malformed, "unexpected end of JSON input at line 1, column 9"),
		`{"lines":[{"qty":1.}]}`:       fmt.Sprintf(malformed, "invalid character '}' after decimal point in numeric literal at line 1, column 20"),
		"{\"id\":\"a\tb\"}":            fmt.Sprintf(malformed, `invalid character '\\t' in string literal at line 1, column 9`),
		`{} {}`:                        fmt.Sprintf(malformed, "invalid character '{' after top-level value at line 1, column 4"),
		`[]`:                           fmt.Sprintf(`400 {"type":"about:blank","title":"Bad Request","status":400,"detail":"wrong type: value %[1]s","traceId":"-","errors":[{"field":"","rule":"type","message":"%[1]s"}]}`, "must be an object, not an array"),
		`{"total":12}`:                 fmt.Sprintf(wrongType, "total", "must be a string that holds the value"),
		`{"total":"+12"}`:              fmt.Sprintf(wrongType, "total", "must be a string that holds the value"),
		`{"total":"twelve"}`:           fmt.Sprintf(wrongType, "total", "must be a string that holds the value"),
		`{"lines":[{"qty":"1"}]}`:      fmt.Sprintf(wrongType, "lines[0].qty", "must be an integer, not a string"),
		`{"lines":[{"qty":128}]}`:      fmt.Sprintf(wrongType, "lines[0].qty", "must be an integer from -128 to 127, not 128"),
		`{"lines":[{"price":""}]}`:     fmt.Sprintf(wrongType, "lines[0].price", "must be a number"),
		`{"lines":[{"weight":1e999}]}`: fmt.Sprintf(wrongType, "lines[0].weight", "must be a number of 64 bits, not 1e999"),
		`{"photo":"*"}`:                fmt.Sprintf(wrongType, "photo", "must be a base64 string"),
	} {
		rec := do(t, app, "POST", "/x", body, "Content-Type", "application/json")
		got := fmt.Sprintf("%d %s", rec.Code, withoutTraceID(rec.Body.String()))
		require.Equal(t, want, got, body)
	}
}

var releaseTraceID = regexp.MustCompile(`"traceId":"\w+"`)

// withoutTraceID replaces the one value that differs in each run.
func withoutTraceID(body string) string {
	return releaseTraceID.ReplaceAllString(body, `"traceId":"-"`)
}

func TestAValueThatDoesNotEncodeHasTheSameErrorOnEveryRelease(t *testing.T) {
	type order struct {
		Lines []any `json:"lines"`
	}
	for _, test := range []struct {
		value any
		want  string
	}{
		{order{[]any{1, func() {}}}, "json: lines[1]: unsupported type: func()"},
		{order{[]any{math.NaN()}}, "json: lines[0]: unsupported value: NaN"},
		{map[string]any{"a": json.Number("1x")}, `json: [a]: invalid number literal "1x"`},
		{order{[]any{releaseRefuses{"no"}}}, "json: lines[0]: error calling MarshalJSON for type motia_test.releaseRefuses: refused: no"},
		{json.RawMessage(`{"a":`), "json: error calling MarshalJSON for type json.RawMessage: unexpected end of JSON input at line 1, column 6"},
		{json.RawMessage{}, "json: error calling MarshalJSON for type json.RawMessage: unexpected end of JSON input at line 1, column 1"},
		{releaseNested(9_991), "json: nested more than 9990 levels deep"},
	} {
		app, log := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "st"}}}, httpAnswer(motia.Response{Body: test.value}, nil))
		inv, _ := motia.FromContext(app.Context(t.Context()))
		require.EqualError(t, motia.Topic[any]("t").Enqueue(app.Context(t.Context()), test.value), `motia: enqueue "t": `+test.want)
		_, err := inv.State.Set("s", "k", test.value)
		require.EqualError(t, err, `motia: set state "s" key "k": `+test.want)
		_, err = inv.State.Update("s", "k", motia.Set("a", test.value))
		require.ErrorContains(t, err, test.want)
		_, err = inv.State.Update("s", "k", motia.Append("a", 1, test.value))
		require.ErrorContains(t, err, test.want)
		stream := inv.Streams.Get("st")
		_, err = stream.Set("g", "i", test.value)
		require.ErrorContains(t, err, test.want)
		require.EqualError(t, stream.Send("g", "i", "e", test.value), `motia: send "e" to stream "st": `+test.want)
		require.Equal(t, 500, do(t, app, "GET", "/x", "").Code)
		require.Contains(t, fmt.Sprint(log.Records(t, "step failed")), "response body: "+test.want)
	}
}

func releaseNested(depth int) (v any) {
	for range depth {
		v = []any{v}
	}
	return v
}

func TestAStoredValueOfAnotherTypeHasTheSameErrorOnEveryRelease(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx := app.Context(t.Context())
	state := stateOf(t, app)
	_, err := state.Set("orders", "o-1", map[string]any{"lines": []any{map[string]any{"qty": "x"}}})
	require.NoError(t, err)
	const orders motia.Scope[releaseOrder] = "orders"
	const want = "wrong type: lines[0].qty must be an integer, not a string"
	_, err = state.Get("orders", "o-1", new(releaseOrder))
	require.EqualError(t, err, `motia: get state "orders" key "o-1": `+want)
	_, _, err = orders.Get(ctx, "o-1")
	require.EqualError(t, err, `motia: get state "orders" key "o-1": `+want)
	_, err = orders.List(ctx)
	require.EqualError(t, err, `motia: get state "orders" key "o-1": `+want)
	change, err := orders.Update(ctx, "o-1", motia.Set("id", "o-1"))
	require.NoError(t, err)
	_, err = change.New.Value()
	require.EqualError(t, err, want)

	_, err = stateOf(t, app).Set("orders", "o-2", nil)
	require.NoError(t, err)
	for item, err := range orders.All(ctx) {
		if item.Key == "o-1" {
			require.EqualError(t, err, `motia: get state "orders" key "o-1": `+want)
		}
		require.Zero(t, item.Value) // how much of it decodes before the error is up to the release
	}

	// It is the step's fault and not that of its caller.
	app, log := testkit.NewApp(t, &motia.Options{Backend: motia.InMemory(nil)}, httpStep("POST", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		if _, err := ctx.State.Set("orders", "o-1", 7); err != nil {
			return motia.Response{}, err
		}
		_, _, err := orders.Get(ctx, "o-1")
		return motia.Response{}, err
	}))
	require.Equal(t, 500, do(t, app, "POST", "/x", "").Code)
	require.Contains(t, fmt.Sprint(log.Records(t, "step failed")), "wrong type: value must be an object, not a number")
}

func TestAStreamItemOfAnotherTypeHasTheSameErrorOnEveryRelease(t *testing.T) {
	app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "orders"}}})
	inv, _ := motia.FromContext(app.Context(t.Context()))
	const orders motia.StreamName[releaseOrder] = "orders"
	sub, err := orders.Subscribe(app.Context(t.Context()), "g")
	require.NoError(t, err)
	defer sub.Close()
	_, err = sub.Next(t.Context())
	require.NoError(t, err)
	_, err = inv.Streams.Get("orders").Set("g", "o-1", map[string]any{"id": "o-1", "photo": "*"})
	require.NoError(t, err)
	event, err := sub.Next(t.Context())
	require.ErrorContains(t, err, "wrong type: photo must be a base64 string")
	require.Zero(t, event.Event.Data)
	_, _, err = orders.Get(app.Context(t.Context()), "g", "o-1")
	require.ErrorContains(t, err, "wrong type: photo must be a base64 string")
}

func TestADeadLetterIsTheSameOnEveryRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := motia.InMemory(nil)
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend},
			queueStep("ship", "ship", func(*motia.FlowContext[motia.None, releaseOrder], releaseOrder) error { return nil }),
			stateStep("watch", func(*stateInput, *stateFlow) error { return motia.Permanent(errBoom) }, motia.State()))
		testkit.Start(t, app)
		queueSend(t, app, "ship", map[string]any{"photo": 5})
		require.NoError(t, backend.Queue.Publish(t.Context(), driver.Message{Topic: "ship", Data: []byte("{\"id\":\xff")}))
		_, err := stateOf(t, app).Set("s\xff", "k", "a\xff")
		require.NoError(t, err)
		synctest.Wait()
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		got := map[string]string{}
		for _, letter := range letters {
			got[string(letter.Payload)] = letter.Attempts[0].Error
		}
		require.Equal(t, map[string]string{
			`{"photo":5}`:            "wrong type: photo must be a base64 string, not a number",
			"\"{\\\"id\\\":\uFFFD\"": "malformed JSON: invalid UTF-8 at line 1, column 7",
			"{\"type\":\"created\",\"scope\":\"s\uFFFD\",\"key\":\"k\",\"new\":\"a\uFFFD\",\"scopeBytes\":\"c/8=\"}": "boom",
		}, got)
	})
}

func TestAStepThatTakesRawJSONGetsNothingWhereThereIsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "st"}}},
			stateStep("state", func(in *stateInput, ctx *stateFlow) error {
				seen.Add(fmt.Sprintf("%s old %s new %s data %s", in.Type, releaseRaw(in.Old), releaseRaw(in.New), releaseRaw(new(ctx.GetData()))))
				return nil
			}, motia.State()),
			motia.StreamStep(motia.StepConfig{Name: "stream", Triggers: []motia.Trigger{motia.Stream("st")}},
				func(in *motia.StreamInput[json.RawMessage], ctx *motia.FlowContext[motia.None, json.RawMessage]) error {
					seen.Add(fmt.Sprintf("%s data %s payload %s data %s", in.Event.Type, releaseRaw(&in.Event.Data), releaseRaw(&in.Event.Payload), releaseRaw(new(ctx.GetData()))))
					return nil
				}))
		testkit.Start(t, app)
		state := stateOf(t, app)
		inv, _ := motia.FromContext(app.Context(t.Context()))
		stream := inv.Streams.Get("st")
		for _, f := range []func() error{
			func() error { _, err := state.Set("s", "k", 1); return err },
			func() error { _, err := state.Set("s", "k", nil); return err },
			func() error { _, err := state.Delete("s", "k"); return err },
			func() error { _, err := stream.Set("g", "i", 1); return err },
			func() error { return stream.Send("g", "i", "e", nil) },
			func() error { return stream.Send("g", "i", "e", json.RawMessage(nil)) },
			func() error { _, err := stream.Delete("g", "i"); return err },
		} {
			require.NoError(t, f())
			synctest.Wait()
		}
		require.Equal(t, []string{
			"created old none new 1 data 1",
			"updated old 1 new null data null",
			"deleted old null new none data nil",
			"create data 1 payload nil data 1",
			"event data nil payload null data nil",
			"event data nil payload null data nil",
			"delete data 1 payload nil data 1",
		}, seen.All())
	})
}

func releaseRaw(raw *json.RawMessage) string {
	switch {
	case raw == nil:
		return "none"
	case *raw == nil:
		return "nil"
	}
	return string(*raw)
}

func TestRawJSONHasItsNameInTheErrorsOfRegister(t *testing.T) {
	err := motia.New(nil).Register(motia.NewStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{
		motia.Topic[[]json.RawMessage]("t").Trigger(motia.When(func(motia.Input[json.RawMessage]) bool { return true })),
	}}, func(motia.Input[int], *motia.FlowContext[motia.None, int]) (motia.Response, error) {
		return motia.Response{}, nil
	}))
	require.ErrorContains(t, err, "condition takes Input[json.RawMessage], but the step's input is int")
	require.ErrorContains(t, err, "payload is []json.RawMessage, but the step's input is int")
}
