package payload_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/motia-go/motia/internal/payload"
)

type badParam struct {
	Qty int `validate:"omitempty,gte=one"`
}

type cyclicBad struct {
	Next *cyclicBad
	Peer map[string]*cyclicPeer `validate:"dive"`
}

type cyclicPeer struct {
	Back []cyclicBad `validate:"dive,min=x"`
}

func TestABadTagIsAnErrorAtRegistration(t *testing.T) {
	for _, test := range []struct {
		name  string
		check error
		want  []string // in the text of the error
	}{
		{"unknown rule", payload.Check[struct {
			A string `validate:"requird"`
		}](nil), []string{"field struct.A", `"requird"`, "Undefined validation function 'requird'"}},
		{"parameter that is no number", payload.Check[badParam](nil), []string{`field badParam.Qty: bad rule "gte=one" in validate tag`, "invalid syntax"}},
		{"behind a rule that fails", payload.Check[struct {
			A string `validate:"required,email,min=abc"`
		}](nil), []string{`"min=abc"`}},
		{"in an alternative", payload.Check[struct {
			A string `validate:"email|min=abc"`
		}](nil), []string{`"min=abc"`}},
		{"rule for another type", payload.Check[struct {
			A bool `validate:"gt=1"`
		}](nil), []string{`"gt=1"`, "Bad field type bool"}},
		{"rule for another type, on a struct", payload.Check[struct {
			A Address `validate:"max=1"`
		}](nil), []string{`"max=1"`, "Bad field type payload_test.Address"}},
		{"rule for another type, on a struct of raw JSON", payload.Check[struct {
			A struct{ R json.RawMessage } `validate:"max=1"`
		}](nil), []string{`"max=1"`, "Bad field type struct { R json.RawMessage }"}},
		{"dive into a string", payload.Check[struct {
			A string `validate:"dive"`
		}](nil), []string{`"dive"`, "not a slice, array or map"}},
		{"keys of a slice", payload.Check[struct {
			A []string `validate:"dive,keys,min=1,endkeys"`
		}](nil), []string{`"keys"`, "not after dive into a map"}},
		{"keys without dive", payload.Check[struct {
			A map[string]int `validate:"keys,min=1,endkeys"`
		}](nil), []string{`"keys"`}},
		{"endkeys alone", payload.Check[struct {
			A map[string]int `validate:"dive,endkeys"`
		}](nil), []string{`"endkeys"`}},
		{"rule of a map's keys", payload.Check[struct {
			A map[string]int `validate:"dive,keys,min=x,endkeys,gt=0"`
		}](nil), []string{`"min=x"`}},
		{"rule of a map's values", payload.Check[struct {
			A map[string]int `validate:"dive,keys,min=1,endkeys,gt=x"`
		}](nil), []string{`"gt=x"`}},
		{"empty rule", payload.Check[struct {
			A string `validate:"required,,min=1"`
		}](nil), []string{"empty rule"}},
		{"odd number of parameters", payload.Check[struct {
			A string
			B string `validate:"required_if=A"`
		}](nil), []string{"Bad param number"}},
		{"unique by an unknown field", payload.Check[struct {
			A []Item `validate:"unique=Nope"`
		}](nil), []string{"Bad field name"}},
		{"far inside", payload.Check[map[string][]struct {
			A *struct {
				B [1]*badParam `validate:"dive"`
			}
		}](nil), []string{"field badParam.Qty"}},
		{"in a cycle", payload.Check[cyclicBad](nil), []string{"field cyclicPeer.Back", `"min=x"`}},
		{"several", payload.Check[struct {
			A int `validate:"gt=x,lt=y"`
			B int `validate:"nope"`
		}](nil), []string{`"gt=x"`, `"lt=y"`, `"nope"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.check == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(test.check.Error(), want) {
					t.Errorf("got %q, want %q in it", test.check, want)
				}
			}
		})
	}
}

func TestGoodTagsPass(t *testing.T) {
	type tree struct {
		Name     string           `validate:"required,max=10"`
		Children []*tree          `validate:"max=3,dive,required"`
		ByName   map[string]*tree `validate:"omitempty,dive,keys,alpha,endkeys,required"`
		Parent   *tree            `validate:"omitempty"`
	}
	type rules struct {
		Start   time.Time      `validate:"required"`
		End     *time.Time     `validate:"omitempty,gtfield=Start"`
		Kind    string         `validate:"oneof=a b"`
		A       *int           `validate:"required_if=Kind a"`
		B       []string       `validate:"required_without=A,excluded_if=Kind b,dive,required,url|uri"`
		Anyway  any            `validate:"required"`
		Anys    []any          `validate:"dive,required"`
		Colour  string         `validate:"iscolor"`
		Host    string         `validate:"tcp_addr"`
		Addr    string         `validate:"ip_addr"`
		Unique  []Item         `validate:"unique=SKU,dive"`
		Counts  map[string]int `validate:"len=2,dive,min=1"`
		Wait    time.Duration  `validate:"min=1s,max=1h"`
		Nothing struct{}       `validate:"required"`
		Only    Address        `validate:"structonly"`
		private string         `validate:"nonsense"`
		Skipped string         `validate:"-"`
	}
	_ = rules{}.private
	for name, err := range map[string]error{
		"order":      payload.Check[Order](nil),
		"orders":     payload.Check[[]*Order](nil),
		"tree":       payload.Check[tree](nil),
		"rules":      payload.Check[rules](nil),
		"any":        payload.Check[any](nil),
		"self":       payload.Check[self](nil),
		"no payload": payload.Check[interface{ none() }](nil),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheValidatorWorksAfterABadTag(t *testing.T) {
	v := payload.NewTags()
	if payload.Check[badParam](v) == nil {
		t.Fatal("no error")
	}
	c, err := payload.For[Order](v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Decode([]byte(goodOrder)); err != nil {
		t.Error(err)
	}
}
