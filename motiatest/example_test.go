package motiatest_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

// exampleTest runs f like a test, since an example has no t. It prints failures.
func exampleTest(f func(t motiatest.TB)) {
	t := new(fakeTB)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, cleanup := range t.cleanups {
				cleanup()
			}
		}()
		f(t)
	}()
	<-done
	fmt.Fprint(os.Stdout, t.output.String())
}

func ExampleNewContext() {
	exampleTest(func(t motiatest.TB) { // func TestReceipt(t *testing.T)
		order := Order{ID: "o-1", Email: "eve@example.com", Total: 450}

		ctx, app := motiatest.NewContext[Email](t, motiatest.Queue(OrderCreated, order))
		if err := handleReceipt(order, ctx); err != nil {
			t.Fatalf("%v", err)
		}
		for _, message := range motiatest.Enqueued(t, app, SendEmail) {
			fmt.Println(message.Data.Subject, "to", message.Data.To)
		}
	})
	// Output: Receipt to eve@example.com
}

func ExampleInvoke() {
	exampleTest(func(t motiatest.TB) {
		result := motiatest.Invoke(t, createOrder, motiatest.HTTP("POST", "/orders", Order{ID: "o-1", Email: "eve@example.com"}))
		fmt.Println(result.HTTP.Code, result.Called)

		result = motiatest.Invoke(t, sendReceipt, motiatest.Queue(OrderCreated, Order{ID: "o-1", Email: "nobody@example.com", Total: 450}))
		fmt.Println(result.Outcome, result.Err)
	})
	// Output:
	// 400 false
	// dead-lettered mailbox does not exist
}

func ExampleRun() {
	exampleTest(func(t motiatest.TB) {
		app := motiatest.Run(t, nil, createOrder, sendReceipt, mail)

		response := app.Do(motiatest.Request("POST", "/orders", `{"id":"o-1","email":"eve@example.com","total":450}`))
		fmt.Println(response.Code)
		app.Idle()

		fmt.Print(app.Events())
	})
	// Output:
	// 201
	// POST /orders {"id":"o-1","email":"eve@example.com","total":450} → create-order
	//     state "orders" "o-1" created {"id":"o-1","email":"eve@example.com","total":450}
	//     enqueue order-created, group "eve@example.com" {"id":"o-1","email":"eve@example.com","total":450}
	//         → send-receipt: done
	//             log INFO sending receipt {"to":"eve@example.com"}
	//             state "statuses" "o-1" created {"status":"confirmed"}
	//             enqueue send-email {"to":"eve@example.com","subject":"Receipt"}
	//                 → mail: done
	//     ← 201 {"id":"o-1","email":"eve@example.com","total":450}
}

func ExampleEqual() {
	exampleTest(func(t motiatest.TB) {
		motiatest.Equal(t, `{"id": "o-1", "total": 500}`, Order{ID: "o-1", Email: "eve@example.com", Total: 450})
	})
	// Output:
	// not equal (- expected, + got):
	//   {
	// +   "email": "eve@example.com",
	//     "id": "o-1",
	// -   "total": 500
	// +   "total": 450
	//   }
}

// In a bubble three days take no time.
func ExampleApp_Idle() {
	TestReminder := func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			app := motiatest.Run(t, nil, mail)
			start := time.Now()
			motiatest.Enqueue(app, SendEmail, Email{To: "eve@example.com", Subject: "Reminder"}, motia.After(72*time.Hour))
			app.Idle()
			if waited := time.Since(start); waited != 72*time.Hour {
				t.Errorf("the reminder went out after %v", waited)
			}
		})
	}
	_ = TestReminder // an example has no *testing.T to call it with
}
