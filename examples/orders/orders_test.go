package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

func TestAnOrderIsChargedReservedAndCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"-fail-rate", "0"})
		res, text := s.request("POST", "/orders", `{"id":"A/1","customer":{"id":"ada","email":"ada@example.com"},
			"items":[{"sku":"tea","qty":2,"price":450},{"sku":"pot","qty":1,"price":1900}],"currency":"EUR"}`)
		require.Equal(t, http.StatusCreated, res.StatusCode)
		require.Equal(t, "/orders/A%2F1", res.Header.Get("Location"))
		require.JSONEq(t, `{"id":"A/1","customer":{"id":"ada","email":"ada@example.com"},
			"items":[{"sku":"tea","qty":2,"price":450},{"sku":"pot","qty":1,"price":1900}],"currency":"EUR",
			"total":2800,"status":"pending","completedSteps":0,"results":{},"chargeAttempts":0}`, text)

		settle()
		_, text = s.request("GET", res.Header.Get("Location"), "")
		require.JSONEq(t, `{"id":"A/1","customer":{"id":"ada","email":"ada@example.com"},
			"items":[{"sku":"tea","qty":2,"price":450},{"sku":"pot","qty":1,"price":1900}],"currency":"EUR",
			"total":2800,"status":"completed","completedSteps":2,"chargeAttempts":1,
			"results":{"charge":{"amount":2800,"currency":"EUR"},"reservation":{"pieces":3}}}`, text)
		require.Empty(t, s.deadLetters())

		var mails []any
		for _, record := range shopLog.records(t, "email sent") {
			mails = append(mails, record["template"])
			require.Equal(t, res.Header.Get("X-Trace-Id"), record["trace_id"], "everything that a request leads to has its trace id")
		}
		require.Equal(t, []any{"order-received", "order-completed"}, mails)
		charged := shopLog.records(t, "card charged")
		require.Len(t, charged, 1)
		require.Equal(t, "charge", charged[0]["step"], "slog.InfoContext knows the step")
		require.NoError(t, s.stop())
	})
}

func TestAnOrderWithoutAnIDIsGivenOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"-fail-rate", "0"})
		s.place(orderOf("", "ada"))
		s.place(orderOf("", "ada"))
		settle()
		inv, _ := motia.FromContext(s.app.Context(t.Context()))
		orders, err := inv.State.List(string(Orders))
		require.NoError(t, err)
		require.Len(t, orders, 2)
	})
}

func TestADeclinedChargeIsRetriedThenDeadLetteredAndCompletesAfterARedrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, nil)
		id := declinedOrder(chargeAttempts)
		s.place(orderOf(id, "ada"))
		settle()

		order := s.order(id)
		require.Equal(t, Pending, order.Status)
		require.Equal(t, 1, order.CompletedSteps, "the stock is reserved nonetheless")
		require.Equal(t, chargeAttempts, order.ChargeAttempts)
		require.Equal(t, errDeclined.Error(), order.Problem)

		letters := s.deadLetters()
		require.Len(t, letters, 1)
		letter := letters[0]
		require.Equal(t, "charge", letter.Step)
		require.Equal(t, "ada", letter.MessageGroupID)
		require.Len(t, letter.Attempts, chargeAttempts)
		for i, attempt := range letter.Attempts {
			require.Equal(t, errDeclined.Error(), attempt.Error)
			if i > 0 {
				pause, longest := attempt.StartedAt.Sub(letter.Attempts[i-1].EndedAt), 200*time.Millisecond<<(i-1)
				require.LessOrEqual(t, pause, longest)
				require.GreaterOrEqual(t, pause, longest*4/5)
			}
		}

		res, text := s.request("POST", "/dead-letters/redrive", "")
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.JSONEq(t, `{"redriven":1}`, text)
		settle()
		order = s.order(id)
		require.Equal(t, Completed, order.Status)
		require.Empty(t, order.Problem)
		require.Empty(t, s.deadLetters())
	})
}

func TestDeadLettersAreRedrivenByID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"-fail-rate", "1"})
		s.place(orderOf("A", "ada"))
		s.place(orderOf("B", "bob"))
		settle()
		letters := s.deadLetters()
		require.Len(t, letters, 2)
		letter := letters[0]
		_, text := s.request("POST", "/dead-letters/redrive?id="+letter.ID, "")
		require.JSONEq(t, `{"redriven":1}`, text)
		settle()
		attempts := map[string]int{}
		for _, l := range s.deadLetters() {
			attempts[l.MessageGroupID] = len(l.Attempts)
		}
		other := map[string]string{"ada": "bob", "bob": "ada"}[letter.MessageGroupID]
		require.Equal(t, map[string]int{letter.MessageGroupID: 2 * chargeAttempts, other: chargeAttempts}, attempts)
	})
}

func TestOrdersOfOneCustomerAreChargedInTurnAndHoldUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, nil)
		slow := declinedOrder(chargeAttempts - 1)
		s.place(orderOf(slow, "ada"))
		for _, order := range []NewOrder{orderOf("order-paid-at-once-1", "ada"), orderOf("order-paid-at-once-2", "bob")} {
			order.ID = paidAtOnce(order.ID)
			s.place(order)
		}
		settle()
		var charged []any
		for _, record := range shopLog.records(t, "card charged") {
			charged = append(charged, record["order"])
		}
		require.Equal(t, []any{paidAtOnce("order-paid-at-once-2"), slow, paidAtOnce("order-paid-at-once-1")}, charged)
	})
}

// paidAtOnce varies the id until the first charge succeeds, by the default flags.
func paidAtOnce(id string) string {
	for (terminal{failRate: 0.5, seed: 1}).declines(id, 0) {
		id += "'"
	}
	return id
}

func TestAMessageThatComesTwiceChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"-fail-rate", "0"})
		s.place(orderOf("A", "ada"))
		settle()
		before := s.order("A")
		require.Equal(t, Completed, before.Status)
		require.NoError(t, OrderCreated.Enqueue(s.app.Context(t.Context()), before, motia.InGroup("ada")))
		settle()
		require.Equal(t, before, s.order("A"))
		require.Len(t, shopLog.records(t, "card charged"), 1)
	})
}

func TestAWrongRequestIsToldWhatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"-fail-rate", "0"})
		s.place(orderOf("A", "ada"))
		for _, c := range []struct {
			name, method, path, body string
			status                   int
			problem                  string
		}{
			{"every mistake at once", "POST", "/orders",
				`{"customer":{"email":"ada"},"items":[{"sku":"tea","qty":0,"price":450},{"qty":1,"price":0}],"currency":"euro"}`,
				400, `"errors":[{"field":"customer.id","rule":"required","message":"is required"},` +
					`{"field":"customer.email","rule":"email","message":"must be an email address"},` +
					`{"field":"items[0].qty","rule":"gte","message":"must be at least 1"},` +
					`{"field":"items[1].sku","rule":"required","message":"is required"},` +
					`{"field":"items[1].price","rule":"gte","message":"must be at least 1"},` +
					`{"field":"currency","rule":"iso4217","message":"must be an ISO 4217 currency code"}]`},
			{"nothing ordered", "POST", "/orders", `{"customer":{"id":"ada","email":"ada@example.com"},"currency":"EUR"}`,
				400, `"errors":[{"field":"items","rule":"min","message":"must have at least 1 item"}]`},
			{"not JSON", "POST", "/orders", `{"customer":`, 400, `"detail":"malformed JSON: unexpected end of JSON input at line 1, column 13"`},
			{"the same order again", "POST", "/orders",
				`{"id":"A","customer":{"id":"ada","email":"ada@example.com"},"items":[{"sku":"tea","qty":1,"price":1}],"currency":"EUR"}`,
				409, `"detail":"order \"A\" exists already"`},
			{"unknown order", "GET", "/orders/B", "", 404, `"detail":"order \"B\" does not exist"`},
			{"unknown order to follow", "GET", "/orders/B/events", "", 404, `"detail":"order \"B\" does not exist"`},
			{"unknown dead letter", "POST", "/dead-letters/redrive?id=x%231", "", 404, `dead letter not found`},
			{"wrong method", "DELETE", "/orders/A", "", 405, `"detail":"DELETE is not allowed for this path"`},
			{"no such page", "GET", "/order", "", 404, `"detail":"no route matches the path"`},
		} {
			res, text := s.request(c.method, c.path, c.body)
			require.Equal(t, c.status, res.StatusCode, "%s: %s", c.name, text)
			require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"), c.name)
			require.Contains(t, text, c.problem, c.name)
		}
	})
}

func TestFlagsAreChecked(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"-fail-rate 1.5", "-fail-rate must be from 0 to 1, not 1.5"},
		{"-fail-rate NaN", "-fail-rate must be from 0 to 1, not NaN"},
		{"-fail-rate -1", "-fail-rate must be from 0 to 1, not -1"},
		{"serve", `unexpected argument "serve"`},
		{"-port 1", "flag provided but not defined: -port"},
	} {
		var output strings.Builder
		_, err := parseFlags(strings.Fields(c.args), &output)
		require.ErrorContains(t, err, c.want)
		require.True(t, slices.Contains(strings.Split(output.String(), "\n"), c.want), output.String())
	}
	config, err := parseFlags(nil, new(strings.Builder))
	require.NoError(t, err)
	config.summary = "every now and then"
	_, err = newApp(config, nil)
	require.ErrorContains(t, err, `step "summarise"`)
}
