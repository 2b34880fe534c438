package payload_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/motia-go/motia/internal/payload"
)

type embedded struct {
	Page int `json:"page"`
}

type everything struct {
	embedded
	Bool     bool                 `json:"bool"`
	Int      int                  `json:"int"`
	Int8     int8                 `json:"int8"`
	Uint8    uint8                `json:"uint8"`
	Uint64   uint64               `json:"uint64"`
	Float    float32              `json:"float"`
	String   string               `json:"string"`
	Bytes    []byte               `json:"bytes"`
	Strings  []string             `json:"strings"`
	Pair     [2]int               `json:"pair"`
	Grid     [][]int              `json:"grid"`
	Map      map[string]Item      `json:"map"`
	ByNumber map[int]string       `json:"byNumber"`
	Item     *Item                `json:"item"`
	At       time.Time            `json:"at"`
	Times    []map[string]*Period `json:"times"`
	Addr     netip.Addr           `json:"addr"`
	Big      *big.Int             `json:"big"`
	Quoted   int                  `json:"quoted,string"`
	Number   json.Number          `json:"number"`
	Any      any                  `json:"any"`
	Custom   custom               `json:"custom"`
	Fussy    fussy                `json:"fussy"`
	Func     func()               `json:"func"`
	NoTag    string
}

type Period struct {
	From time.Time `json:"from"`
}

// custom decodes itself the usual way, so that encoding/json counts offsets from where it starts.
type custom struct {
	Values []int `json:"values"`
}

func (c *custom) UnmarshalJSON(data []byte) error {
	type plain custom
	return json.Unmarshal(data, (*plain)(c))
}

// fussy validates its contents as a whole in UnmarshalJSON.
type fussy struct{}

func (fussy) UnmarshalJSON(data []byte) error {
	if strings.Count(string(data), ",") > 1 {
		return errors.New("too many")
	}
	return nil
}

func TestAValueOfTheWrongTypeIsNamedWithItsPath(t *testing.T) {
	integer := "must be an integer " + ofInt + ", not "
	for _, test := range []struct{ name, data, field, message string }{
		{"the whole value", `[]`, "", "must be an object, not an array"},
		{"the whole value, a string", ` "x" `, "", "must be an object, not a string"},
		{"bool", `{"bool":"yes"}`, "bool", "must be true or false, not a string"},
		{"int", `{"int":"1"}`, "int", "must be an integer, not a string"},
		{"int from bool", `{"int":true}`, "int", "must be an integer, not a boolean"},
		{"int from object", `{"int":{}}`, "int", "must be an integer, not an object"},
		{"int with fraction", `{"int8":1.5}`, "int8", "must be an integer from -128 to 127, not 1.5"},
		{"int8 out of range", `{"int8":300}`, "int8", "must be an integer from -128 to 127, not 300"},
		{"uint8 below zero", `{"uint8":-1}`, "uint8", "must be an integer from 0 to 255, not -1"},
		{"int out of range", `{"int":9223372036854775808}`, "int", integer + "9223372036854775808"},
		{"uint64 out of range", `{"uint64":18446744073709551616}`, "uint64", "must be an integer from 0 to 18446744073709551615, not 18446744073709551616"},
		{"float out of range", `{"float":1e39}`, "float", "must be a number of 32 bits, not 1e39"},
		{"any out of range", `{"any":{"a":[1,1e999]}}`, "any.a[1]", "must be a number of 64 bits, not 1e999"},
		{"a long number", `{"int":` + strings.Repeat("9", 1000) + `}`, "int", integer + strings.Repeat("9", 32) + "..."},
		{"string", `{"string":1}`, "string", "must be a string, not a number"},
		{"bytes", `{"bytes":"***"}`, "bytes", "must be a base64 string"},
		{"bytes from number", `{"bytes":5}`, "bytes", "must be a base64 string, not a number"},
		{"element", `{"strings":["a","b",3,4]}`, "strings[2]", "must be a string, not a number"},
		{"element of array", `{"pair":[1,"2","3"]}`, "pair[1]", "must be an integer, not a string"},
		{"array from object", `{"strings":{"a":1}}`, "strings", "must be an array, not an object"},
		{"element of element", `{"grid":[[1],[],[2,{"a":[]},4]]}`, "grid[2][1]", "must be an integer, not an object"},
		{"field in map", `{"map":{"x":{"qty":1},"y y":{"sku":"s","qty":"2"}}}`, "map[y y].qty", "must be an integer, not a string"},
		{"key of map", `{"byNumber":{"1":"a","x":"b"}}`, "byNumber[x]", integer + "x"},
		{"field behind pointer", `{"item":{"qty":[]}}`, "item.qty", "must be an integer, not an array"},
		{"field of embedded struct", `{"page":"1"}`, "page", "must be an integer, not a string"},
		{"names in another case", `{"ITEM":{"Qty":"x"}}`, "item.qty", "must be an integer, not a string"},
		{"field without tag", `{"notag":1}`, "NoTag", "must be a string, not a number"},
		{"escaped names", `{"\u0069tem":{"qt\u0079":"x"}}`, "item.qty", "must be an integer, not a string"},
		{"time", `{"at":"2026-13-01"}`, "at", "must be a time such as 2006-01-02T15:04:05Z"},
		{"time from number", `{"at":1}`, "at", "must be a time such as 2006-01-02T15:04:05Z"},
		{"time far inside", `{"times":[{},{"a":null,"b":{"from":"now"}}]}`, "times[1][b].from", "must be a time such as 2006-01-02T15:04:05Z"},
		{"text", `{"addr":"1.2.3"}`, "addr", `is not valid: ParseAddr("1.2.3"): IPv4 address too short`},
		{"text from number", `{"addr":1}`, "addr", "must be a string, not a number"},
		{"quoted number", `{"quoted":5}`, "quoted", "must be a string that holds the value"},
		{"quoted nonsense", `{"quoted":"five"}`, "quoted", "must be a string that holds the value"},
		{"json number", `{"number":"five"}`, "number", "must be a number"},
		{"json number from bool", `{"number":true}`, "number", "must be a number, not a boolean"},
		{"func", `{"func":"f"}`, "func", "must be null, not a string"},
		{"inside a type that decodes itself", `{"string":"long enough to shift offsets","custom":{"values":[1,2,"3"]}}`, "custom.values[2]", "must be an integer, not a string"},
		{"a type that decodes itself, as a whole", `{"fussy":[1,2,3]}`, "fussy", "is not valid: too many"},
		{"the first of several", `{"strings":["a"],"int":"x","bool":1}`, "int", "must be an integer, not a string"},
		{"the first of two equal names", `{"int":1,"int":"x","int":2}`, "int", "must be an integer, not a string"},
		{"with space everywhere", " {\n\"grid\" : [ [ 1 ,\t2 ] , [ \"\\\\\\\"]\" ] ] } ", "grid[1][0]", "must be an integer, not a string"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := failure[everything](t, payload.WrongType, test.data)
			wantFields(t, e, payload.FieldError{Field: test.field, Rule: "type", Message: test.message})
			if e.Position != (payload.Position{}) {
				t.Errorf("got position %+v", e.Position)
			}
		})
	}
}

func TestPathsOfOtherRootsStartWithTheIndexOrKey(t *testing.T) {
	for got, want := range map[*payload.Error]string{
		failure[[]Item](t, payload.WrongType, `[{},{"qty":"1"}]`):              "[1].qty",
		failure[map[string][]Item](t, payload.WrongType, `{"a":[{"qty":""}]}`): "[a][0].qty",
		failure[**Item](t, payload.WrongType, `{"qty":[]}`):                    "qty",
		failure[[]int](t, payload.WrongType, `[0,1,2,3,4,5,6,7,8,9,null,"x"]`): "[11]",
	} {
		if got.Fields[0].Field != want {
			t.Errorf("got %q, want %q", got.Fields[0].Field, want)
		}
	}
}

func TestWrongTypeErrorsReadAsASentenceAndUnwrap(t *testing.T) {
	e := failure[Order](t, payload.WrongType, `{"items":[{"qty":"x"}]}`)
	if got, want := e.Error(), "wrong type: items[0].qty must be an integer, not a string"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, ok := errors.AsType[*json.UnmarshalTypeError](error(e)); !ok {
		t.Errorf("got %v", e.Err)
	}
	whole := failure[Order](t, payload.WrongType, `5`)
	if got, want := whole.Error(), "wrong type: value must be an object, not a number"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

type branch struct {
	Value int      `json:"value"`
	Next  []branch `json:"next"`
}

func TestAHostileRecursiveValueCostsLittleMoreThanDecodingIt(t *testing.T) {
	const depth = 4000 // twice that in levels, below the 10,000 that encoding/json allows
	data := []byte(strings.Repeat(`{"next":[`, depth) + `{"value":"x"}` + strings.Repeat(`]}`, depth))
	c := codec[branch](t)
	start := time.Now()
	var plain branch
	if err := json.Unmarshal(data, &plain); err == nil {
		t.Fatal("decoded")
	}
	floor := time.Since(start)
	start = time.Now()
	_, err := c.Decode(data)
	took := time.Since(start)
	e, ok := errors.AsType[*payload.Error](err)
	if !ok || e.Kind != payload.WrongType || !strings.HasPrefix(e.Fields[0].Field, "next[0].next[0].next[0]") ||
		e.Fields[0].Message != "contains a value of the wrong type" {
		t.Fatalf("got %.200v", err)
	}
	if limit := 100*floor + time.Second; took > limit {
		t.Errorf("took %v, decoding alone %v", took, floor)
	}
}

func TestAWrongElementAtTheEndOfALongArrayIsFound(t *testing.T) {
	data := "[" + strings.Repeat(`{"qty":1},`, 50_000) + `{"qty":"x"}]`
	if e := failure[[]Item](t, payload.WrongType, data); e.Fields[0].Field != "[50000].qty" {
		t.Errorf("got %v", e)
	}
}
