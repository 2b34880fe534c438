package motia_test

import (
	"regexp"

	"github.com/go-playground/validator/v10"

	"github.com/motia-go/motia"
)

var sku = regexp.MustCompile(`^[A-Z]{3}-[0-9]+$`)

// A rule of the application has a name, which tags use like that of any other rule.
func ExampleNewValidator() {
	type Item struct {
		SKU string `json:"sku" validate:"required,sku"`
	}
	app := motia.New(&motia.Options{
		Logger: quiet,
		Validator: motia.NewValidator(func(v *validator.Validate) error {
			return v.RegisterValidation("sku", func(field validator.FieldLevel) bool {
				return sku.MatchString(field.Field().String())
			})
		}),
	})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "add-item",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/items")},
	}, func(*motia.HTTPInput[Item], *motia.Ctx[Item]) (motia.Response, error) {
		return motia.Response{Status: 201}, nil
	}))()

	requestProblem(app, "POST", "/items", `{"sku":"ABC-7"}`)
	requestProblem(app, "POST", "/items", `{"sku":"7"}`)
	// Output:
	// 201
	// 400
	// sku does not satisfy sku
}

// Parcel validates itself.
type Parcel struct {
	Grams int `json:"grams"`
}

func (p *Parcel) Check() []motia.FieldError {
	if p.Grams > 2000 {
		return []motia.FieldError{{Field: "grams", Rule: "weight", Message: "is too much for the post"}}
	}
	return nil
}

// checker asks payloads that validate themselves, and reads the tags of all others.
type checker struct{ tags motia.Validator }

func (c checker) Validate(value any) []motia.FieldError {
	if own, ok := value.(interface{ Check() []motia.FieldError }); ok {
		return own.Check()
	}
	return c.tags.Validate(value)
}

// A Validator can combine Go code with tags.
func ExampleValidator() {
	app := motia.New(&motia.Options{Logger: quiet, Validator: checker{motia.NewValidator()}})
	defer run(app,
		motia.HTTPStep(motia.StepConfig{
			Name:     "send-parcel",
			Triggers: []motia.Trigger{motia.HTTP("POST", "/parcels")},
		}, func(*motia.HTTPInput[Parcel], *motia.Ctx[Parcel]) (motia.Response, error) {
			return motia.Response{Status: 201}, nil
		}),
		motia.HTTPStep(motia.StepConfig{
			Name:     "place-order",
			Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
		}, func(*motia.HTTPInput[Order], *motia.Ctx[Order]) (motia.Response, error) {
			return motia.Response{Status: 201}, nil
		}))()

	requestProblem(app, "POST", "/parcels", `{"grams":2500}`)
	requestProblem(app, "POST", "/orders", `{"id":"o-1","total":-1}`)
	// Output:
	// 400
	// grams is too much for the post
	// 400
	// total must be greater than 0
}
