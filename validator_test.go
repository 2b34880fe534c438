package motia_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/go-playground/validator/v10"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// validatorFunc is a Validator without tags.
type validatorFunc func(value any) []motia.FieldError

func (f validatorFunc) Validate(value any) []motia.FieldError { return f(value) }

type validatorParcel struct {
	Grams int    `json:"grams"`
	To    string `json:"to"`
}

// checkParcel knows one type, and lets all others pass.
func checkParcel(value any) []motia.FieldError {
	parcel, ok := value.(*validatorParcel)
	switch {
	case !ok:
		return nil
	case parcel.To == "nobody":
		panic(errors.New("address book is lost"))
	case parcel.Grams > 2000:
		return []motia.FieldError{{Field: "grams", Rule: "weight", Message: "is too much for the post"}}
	}
	return nil
}

// validatorApp is a running app with a route and a topic for parcels.
func validatorApp(t *testing.T, v motia.Validator) (app *motia.App, log *testkit.Log, handled *[]validatorParcel) {
	handled = new([]validatorParcel)
	app, log = testkit.NewApp(t, &motia.Options{Validator: v},
		httpStep("POST", "/parcels", func(in *motia.HTTPInput[validatorParcel], _ *motia.FlowContext[any, validatorParcel]) (motia.Response, error) {
			*handled = append(*handled, in.Request.Body)
			return motia.Response{Status: 201}, nil
		}),
		queueStep("send", "parcels", func(_ *motia.FlowContext[motia.None, validatorParcel], parcel validatorParcel) error {
			*handled = append(*handled, parcel)
			return nil
		}))
	testkit.Start(t, app)
	return app, log, handled
}

func TestAValidatorOfOnesOwnJudgesBodiesAndMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _, handled := validatorApp(t, validatorFunc(checkParcel))
		require.Equal(t, 201, do(t, app, "POST", "/parcels", `{"grams":10,"to":"ann"}`).Code)
		answer := do(t, app, "POST", "/parcels", `{"grams":2001,"to":"ann"}`)
		require.Equal(t, 400, answer.Code)
		p := problem(t, answer)
		require.Equal(t, "invalid payload: grams is too much for the post", p.Detail)
		require.Equal(t, []motia.FieldError{{Field: "grams", Rule: "weight", Message: "is too much for the post"}}, p.Errors)

		queueSend(t, app, "parcels", validatorParcel{Grams: 20})
		queueSend(t, app, "parcels", validatorParcel{Grams: 9999})
		synctest.Wait()
		require.Equal(t, []validatorParcel{{10, "ann"}, {20, ""}}, *handled)
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 1)
		require.Len(t, letters[0].Attempts, 1)
		require.Equal(t, "invalid payload: grams is too much for the post", letters[0].Attempts[0].Error)
	})
}

func TestAPanicOfAValidatorIsNotBlamedOnTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, log, handled := validatorApp(t, validatorFunc(checkParcel))
		answer := do(t, app, "POST", "/parcels", `{"to":"nobody"}`)
		require.Equal(t, 500, answer.Code)
		require.NotContains(t, answer.Body.String(), "address book")
		queueSend(t, app, "parcels", validatorParcel{To: "nobody"})
		synctest.Wait()
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 1)
		require.Equal(t, "panic: address book is lost", letters[0].Attempts[0].Error)
		require.Empty(t, *handled)
		for _, message := range []string{"step failed", "message is dead-lettered"} {
			records := log.Records(t, message)
			require.Len(t, records, 1, message)
			require.Contains(t, records[0]["stack"], "checkParcel")
		}
	})
}

func TestOfManyFieldErrorsOfAValidatorAHundredAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _, _ := validatorApp(t, validatorFunc(func(any) []motia.FieldError { return make([]motia.FieldError, 1000) }))
		p := problem(t, do(t, app, "POST", "/parcels", `{}`))
		require.Len(t, p.Errors, 100)
		require.Contains(t, p.Detail, "and 990 more")
	})
}

func TestAValidatorCanHaveTheOneOfTagsAsItsPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tags := motia.NewValidator()
		app, _ := httpOrders(t, &motia.Options{Validator: validatorFunc(func(value any) []motia.FieldError {
			return append(tags.Validate(value), motia.FieldError{Rule: "closed", Message: "is not taken on Sundays"})
		})})
		p := problem(t, do(t, app, "POST", "/orders", `{"email":"a@example.com","items":[{"sku":"s","qty":1}]}`))
		require.Equal(t, []motia.FieldError{
			{Field: "id", Rule: "required", Message: "is required"},
			{Rule: "closed", Message: "is not taken on Sundays"},
		}, p.Errors)
	})
}

func TestMistakesInTheRulesForTagsAreReportedByRegister(t *testing.T) {
	app := motia.New(&motia.Options{Validator: motia.NewValidator(func(v *validator.Validate) error {
		return errors.Join(v.RegisterValidation("", func(validator.FieldLevel) bool { return true }), v.RegisterValidation("sku", nil))
	})})
	err := app.Register()
	require.ErrorContains(t, err, "motia: Options.Validator: function Key cannot be empty")
	require.ErrorContains(t, err, "function cannot be empty")
	require.Error(t, app.Run(t.Context()))
}

func TestANilFunctionForTheValidatorIsAMistake(t *testing.T) {
	app := motia.New(&motia.Options{Validator: motia.NewValidator(nil)})
	require.ErrorContains(t, app.Register(), "function 0 given to NewValidator is nil")
}
