package payload_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/motia-go/motia/internal/payload"
)

// For the types of this file the two implementations of encoding/json differ in what they accept, or in the type or
// text of the error.
type (
	quotedFields struct {
		Int    int         `json:"int,string"`
		Int8   *int8       `json:"int8,string"`
		Float  float64     `json:"float,string"`
		Bool   bool        `json:"bool,string"`
		String string      `json:"str,string"`
		Number json.Number `json:"number,string"`
		//lint:ignore SA5008 what the option does to a list is what this is about
		List []int `json:"list,string"`
	}
	rawFields struct {
		Raw  json.RawMessage `json:"raw"`
		Ptr  *json.RawMessage
		List []json.RawMessage
	}
	mapFields struct {
		Int   map[int]string
		Uint8 map[uint8]string
		Text  map[even]string
		Times map[string]time.Time
		Any   map[string]any
	}
	otherFields struct {
		Bytes  []byte
		Array  [3]byte
		Number json.Number
		Text   even
		Big    *big.Float
		Time   time.Time
		Any    any
		Func   func()
		Error  error
		Struct *struct{ A int }
	}
	foldedFields struct {
		Key  string `json:"key"`
		KEY  string `json:"KEY"`
		Long string `json:"ſtraße_1"`
	}
)

// even is an even number as text.
type even int

func (e *even) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err == nil && n%2 != 0 {
		err = errors.New("odd")
	}
	*e = even(n)
	return err
}

// The types that decode themselves use encoding/json in one of the usual ways.
type (
	aliased struct {
		Quoted int            `json:"quoted,string"`
		Number json.Number    `json:"number"`
		Bytes  []byte         `json:"bytes"`
		Time   time.Time      `json:"time"`
		ByInt  map[int]string `json:"byInt"`
		Self   *aliased       `json:"self"`
	}
	hidden  struct{}
	closed  struct{ A int }
	inText  struct{}
	asFloat struct{}
	asBytes struct{}
	asTime  struct{}
	asDay   struct{}
	worded  struct{}
)

func (a *aliased) UnmarshalJSON(data []byte) error {
	type plain aliased
	return json.Unmarshal(data, (*plain)(a))
}

func (*hidden) UnmarshalJSON(data []byte) error {
	var p struct {
		Quoted int `json:"quoted,string"`
		Name   string
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("hidden: %w", err)
	}
	return nil
}

func (c *closed) UnmarshalJSON(data []byte) error {
	type plain closed
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode((*plain)(c))
}

func (*inText) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), new(any))
}

func (*asFloat) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, new(float64)) }
func (*asBytes) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, new([]byte)) }
func (*asTime) UnmarshalJSON(data []byte) error  { return json.Unmarshal(data, new(time.Time)) }
func (*asDay) UnmarshalJSON(data []byte) error {
	_, err := time.Parse(`"`+time.DateOnly+`"`, string(data))
	return err
}
func (*worded) UnmarshalJSON(data []byte) error { return fmt.Errorf("%s is no weekday", data) }

const (
	notATime = "must be a time such as 2006-01-02T15:04:05Z"
	inString = "must be a string that holds the value"
)

var ofInt = fmt.Sprintf("from %d to %d", math.MinInt, math.MaxInt)

func TestAPayloadGetsTheSameAnswerOnEveryRelease(t *testing.T) {
	answer[quotedFields](t, map[string]string{
		`{"int":"12","int8":"-1","float":"1.5","bool":"true","str":"\"a\"","number":"1e2","list":[1]}`: `{"int":"12","int8":"-1","float":"1.5","bool":"true","str":"\"a\"","number":"1e2","list":[1]}`,
		`{"int":"null","int8":null,"float":"-0","bool":"null"}`:                                        `{"int":"0","int8":null,"float":"-0","bool":"false","str":"\"\"","number":"0","list":null}`,
		`{"int":"01"}`:                      `{"int":"1","int8":null,"float":"0","bool":"false","str":"\"\"","number":"0","list":null}`,
		`{"int":"+1"}`:                      "int " + inString,
		`{"INT":"+1"}`:                      "int " + inString,
		`{"\u0069nt":"\u002b1"}`:            "int " + inString,
		`{"int":" 1"}`:                      "int " + inString,
		`{"int":"0x1"}`:                     "int " + inString,
		`{"int":""}`:                        "int " + inString,
		`{"int":"five"}`:                    "int " + inString,
		`{"int":5}`:                         "int " + inString,
		`{"int":true}`:                      "int " + inString,
		`{"int":"1.5"}`:                     "int must be an integer " + ofInt + ", not 1.5",
		`{"int8":"300"}`:                    "int8 must be an integer from -128 to 127, not 300",
		`{"int8":[]}`:                       "int8 " + inString,
		`{"float":"+1"}`:                    "float " + inString,
		`{"float":"NaN"}`:                   "float " + inString,
		`{"float":"Inf"}`:                   "float " + inString,
		`{"float":"infinity"}`:              "float " + inString,
		`{"bool":true}`:                     "bool " + inString,
		`{"bool":"yes"}`:                    "bool " + inString,
		`{"str":"a"}`:                       "str " + inString,
		`{"str":"\"a"}`:                     "str " + inString,
		`{"number":"01"}`:                   "number " + inString,
		`{"number":"1 "}`:                   "number " + inString,
		`{"number":"null"}`:                 "number " + inString,
		`{"number":"2006-01-02T15:04:05Z"}`: "number " + inString,
		`{"number":"five"}`:                 "number " + inString,
		`{"number":5}`:                      "number " + inString,
		`{"list":["1"]}`:                    "list[0] must be an integer, not a string",
		`{"other":[{"a":"]}"}],"int":"+1"}`: "int " + inString,
	})
	answer[[]map[string]*quotedFields](t, map[string]string{
		` [ { "a" : null , "b" : { "int" : "1" } } , { "c" : { "int" : "+1" } } ] `: "[1][c].int " + inString,
	})
	answer[rawFields](t, map[string]string{
		`{"raw":null,"Ptr":null,"List":[null, 1 ]}`: `{"raw":null,"Ptr":null,"List":[null,1]}`,
		`{}`:                      `{"raw":null,"Ptr":null,"List":null}`,
		`{"raw":"\ufffd"}`:        `{"raw":"\ufffd","Ptr":null,"List":null}`,
		`{"raw":1,"raw":{"a":1}}`: `{"raw":{"a":1},"Ptr":null,"List":null}`,
	})
	answer[mapFields](t, map[string]string{
		`{"Int":{"-1":"a","01":"b"}}`:         `{"Int":{"-1":"a","1":"b"},"Uint8":null,"Text":null,"Times":null,"Any":null}`,
		`{"Int":{"null":"a"}}`:                "Int[null] must be an integer " + ofInt + ", not null",
		`{"Int":{"\u006eull":"a"}}`:           "Int[null] must be an integer " + ofInt + ", not null",
		`{"Int":{"1.0":"a"}}`:                 "Int[1.0] must be an integer " + ofInt + ", not 1.0",
		`{"Int":{"+1":"a"}}`:                  "",
		`{"Uint8":{"256":"a"}}`:               "Uint8[256] must be an integer from 0 to 255, not 256",
		`{"Uint8":{"1":2}}`:                   "Uint8[1] must be a string, not a number",
		`{"Text":{"2":"a","3":"b"}}`:          "Text[3] is not valid: odd",
		`{"Text":{"2":1}}`:                    "Text[2] must be a string, not a number",
		`{"Times":{"a":"2006"}}`:              "Times[a] " + notATime,
		`{"Any":{"a":{"b":1},"a":{"c":[2]}}}`: `{"Int":null,"Uint8":null,"Text":null,"Times":null,"Any":{"a":{"c":[2]}}}`,
		`{"Any":{"a":[{"b":1e400}]}}`:         "Any[a][0].b must be a number of 64 bits, not 1e400",
	})
	answer[otherFields](t, map[string]string{
		`{"Bytes":"aGk=","Array":[1,2,3,4],"Number":"1e1000","Text":"2","Any":1,"Error":null}`: "",
		`{"Bytes":"a GI="}`:                "Bytes must be a base64 string",
		`{"Bytes":"aGI"}`:                  "Bytes must be a base64 string",
		`{"Bytes":"_-_-"}`:                 "Bytes must be a base64 string",
		`{"Bytes":[1,256]}`:                "Bytes[1] must be an integer from 0 to 255, not 256",
		`{"Bytes":{}}`:                     "Bytes must be a base64 string, not an object",
		`{"Array":"aGk="}`:                 "Array must be an array, not a string",
		`{"Number":"1x"}`:                  "Number must be a number",
		`{"Number":""}`:                    "Number must be a number",
		`{"Number":false}`:                 "Number must be a number, not a boolean",
		`{"Text":"3"}`:                     "Text is not valid: odd",
		`{"Text":3}`:                       "Text must be a string, not a number",
		`{"Big":{}}`:                       "Big must be a string, not an object",
		`{"Time":1}`:                       "Time " + notATime,
		`{"Time":"2006-01-02T15:04:60Z"}`:  "Time " + notATime,
		`{"Any":-1e999}`:                   "Any must be a number of 64 bits, not -1e999",
		`{"Func":{}}`:                      "Func must be null, not an object",
		`{"Error":"a"}`:                    "Error must be null, not a string",
		`{"Struct":[]}`:                    "Struct must be an object, not an array",
		`{"Struct":{"a":"x"},"Struct":{}}`: "Struct.A must be an integer, not a string",
		`true`:                             "value must be an object, not a boolean",
	})
	answer[foldedFields](t, map[string]string{
		`{"Key":"a","KEY":"b","kEY":"c"}`: `{"key":"c","KEY":"b","ſtraße_1":""}`,
		`{"STRASSE_1":"a","straße1":"b"}`: `{"key":"","KEY":"","ſtraße_1":""}`,
		`{"STRAẞE_1":"a"}`:                `{"key":"","KEY":"","ſtraße_1":"a"}`,
		`{"\u212aey":"a"}`:                `{"key":"a","KEY":"","ſtraße_1":""}`,
	})
}

func TestATypeThatDecodesItselfGetsTheSameAnswerOnEveryRelease(t *testing.T) {
	answer[aliased](t, map[string]string{
		`{"quoted":"1"}`:                  "",
		`{"quoted":1}`:                    "quoted " + inString,
		`{"quoted":"x"}`:                  "quoted " + inString,
		`{"number":"x"}`:                  "number must be a number",
		`{"number":[]}`:                   "number must be a number, not an array",
		`{"bytes":"*"}`:                   "bytes must be a base64 string",
		`{"time":"now"}`:                  "time " + notATime,
		`{"time":1}`:                      "time " + notATime,
		`{"byInt":{"x":"a"}}`:             "byInt[x] must be an integer " + ofInt + ", not x",
		`{"self":{"self":{"quoted":[]}}}`: "self.self.quoted " + inString,
		`[]`:                              "value must be an object, not an array",
	})
	answer[[]hidden](t, map[string]string{
		`[{"quoted":"1","Name":"a"}]`: "",
		`[{"quoted":1}]`:              "[0].quoted is not valid",
		`[{"quoted":"x"}]`:            "[0].quoted is not valid",
		`[{"quoted":true}]`:           "[0].quoted is not valid",
		`[{"Name":1}]`:                "[0].Name is not valid",
	})
	answer[closed](t, map[string]string{
		`{"a":1}`:       "",
		`{"a":"x"}`:     "A must be an integer, not a string",
		`{"a":1,"b":2}`: `b is not valid: unknown field "b"`,
	})
	answer[inText](t, map[string]string{
		`"{}"`: "",
		`"{"`:  "value is not valid",
		`5`:    "value must be a string, not a number",
	})
	answer[asFloat](t, map[string]string{`"1"`: "value must be a number, not a string", `1e999`: "value must be a number of 64 bits, not 1e999"})
	answer[asBytes](t, map[string]string{`"*"`: "value must be a base64 string", `1`: "value must be a base64 string, not a number"})
	answer[asTime](t, map[string]string{`"*"`: "value " + notATime, `1`: "value " + notATime})
	answer[asDay](t, map[string]string{`"monday"`: `value is not valid: parsing time "\"monday\"" as "\"2006-01-02\"": cannot parse "monday\"" as "2006"`})
	answer[worded](t, map[string]string{`"x"`: `value is not valid: "x" is no weekday`})
}

// answer decodes the texts. Each must either decode to a value that encodes as its answer (or to any value if the
// answer is empty), or fail with the answer as the error's text.
func answer[T any](t *testing.T, answers map[string]string) {
	t.Helper()
	c := codec[T](t)
	for data, want := range answers {
		value, err := c.Decode([]byte(data))
		got := fmt.Sprint(err)
		if err == nil {
			text, err := json.Marshal(value)
			if got = string(text); err != nil && want != "" {
				t.Error(err)
			}
			if want == "" {
				continue
			}
		} else {
			want = "wrong type: " + want
		}
		if got != want {
			t.Errorf("%T: decoding %s gives %s, want %s", value, data, got, want)
		}
	}
}

func TestTypesThatReleasesDecodeDifferentlyAreRefused(t *testing.T) {
	type inner struct{ A int }
	type Deep struct {
		List []map[string]struct {
			Rate map[float64]string `json:"rate"`
		}
		Self *Deep
	}
	for got, want := range map[error]string{
		payload.Check[map[bool]int](nil):     "type map[bool]int: bool cannot be the keys of a JSON object",
		payload.Check[map[any][]int](nil):    "type map[interface {}][]int: interface {} cannot be the keys of a JSON object",
		payload.Check[Deep](nil):             "field struct.Rate: float64 cannot be the keys of a JSON object",
		payload.Check[struct{ *inner }](nil): "field struct.inner: cannot be decoded: an embedded pointer to an unexported type",
		payload.Check[struct {
			A even  `json:",string"`
			B *even `json:"b,omitempty,string"`
		}](nil): "field struct.A: string option in json tag: payload_test.even has a method that decodes it\n" +
			"field struct.B: string option in json tag: payload_test.even has a method that decodes it",
		payload.Check[struct {
			A time.Time `json:"a,format:DateOnly"`
		}](nil): `field struct.A: option "format:DateOnly" in json tag is not supported`,
		payload.Check[struct {
			//lint:ignore SA5008 a bad name is what this is about
			A int `json:"it's"`
		}](nil): `field struct.A: name "it's" in json tag: a name may contain only letters, digits, spaces and punctuation other than quotes, backslash and comma`,
	} {
		if got == nil || got.Error() != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}

func TestTypesThatOnlyLookDifficultAreNotRefused(t *testing.T) {
	type inner struct{ A int }
	type fine struct {
		inner
		*strings.Builder `json:"-"`
		Cache            map[float64]int `json:"-"`
		cache            map[float64]int
		ByText           map[even]int
		ByString         map[Key]int
		//lint:ignore SA5008 the option does not apply, which is what this is about
		Quoted **even `json:",string"`
		Named  *inner `json:"größe $%-/"`
		Times  []time.Time
		Func   func()
		Any    any
	}
	_ = fine{}.cache
	if err := payload.Check[fine](nil); err != nil {
		t.Error(err)
	}
}

type Key string

func TestLoadedTextIsBlamedOnNobody(t *testing.T) {
	item := Item{SKU: "before"}
	for data, want := range map[string]string{
		`{"qty":"x"}`:       "wrong type: qty must be an integer, not a string",
		`{"qty":`:           "malformed JSON: unexpected end of JSON input at line 1, column 8",
		"{\"sku\":\"\xff\"": "malformed JSON: unexpected end of JSON input at line 1, column 11",
	} {
		err := payload.Load([]byte(data), &item)
		if fmt.Sprint(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, ok := errors.AsType[*payload.Error](err); ok || errors.Unwrap(err) == nil {
			t.Errorf("%v is an error of a payload", err)
		}
	}
	if item != (Item{}) {
		t.Errorf("got %+v, want the zero value after an error", item)
	}
	if err := payload.Load([]byte("{\"sku\":\"\xff\",\"qty\":-1}"), &item); err != nil || item.SKU != "\uFFFD" || item.Qty != -1 {
		t.Errorf("got %+v, %v", item, err)
	}
}
