package main

import "github.com/motia-go/motia"

// NewOrder is what a client sends. The tags are checked before any handler runs.
type NewOrder struct {
	ID       string   `json:"id,omitempty" validate:"max=64"` // chosen by the service if it is omitted
	Customer Customer `json:"customer"`
	Items    []Item   `json:"items" validate:"min=1,max=50,unique=SKU,dive"`
	Currency string   `json:"currency" validate:"required,iso4217"`
}

// Customer is the customer of an order.
type Customer struct {
	ID    string `json:"id" validate:"required"`
	Email string `json:"email" validate:"required,email"`
}

// Item is one line of an order.
type Item struct {
	SKU   string `json:"sku" validate:"required"`
	Qty   int    `json:"qty" validate:"gte=1,lte=1000"`
	Price int64  `json:"price" validate:"gte=1,lte=100000000"` // of one piece, in the smallest unit of the currency
}

// Order is an order as the service stores it.
type Order struct {
	NewOrder
	Total          int64   `json:"total"`
	Status         Status  `json:"status"`
	CompletedSteps int     `json:"completedSteps"`    // how many of the parts are done
	Results        Results `json:"results"`           // the results of these
	ChargeAttempts int     `json:"chargeAttempts"`    //
	Problem        string  `json:"problem,omitempty"` // why the last charge failed
}

// Status is how far an order is.
type Status string

const (
	Pending   Status = "pending"
	Completed Status = "completed"
)

// Results holds the result of each part that is done, in any order.
type Results struct {
	Charge      *Charge      `json:"charge,omitempty"`
	Reservation *Reservation `json:"reservation,omitempty"`
}

// parts is the number of steps that an order waits for.
const parts = 2

// Charge is the result of the charge step.
type Charge struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Reservation is the result of the reserve-stock step.
type Reservation struct {
	Pieces int `json:"pieces"`
}

// Reserved says how many pieces of one SKU are reserved, by order.
type Reserved map[string]int

// Email is a mail to a customer.
type Email struct {
	To       string `json:"to" validate:"required,email"`
	Template string `json:"template" validate:"required"`
	OrderID  string `json:"orderId" validate:"required"`
}

// LiveStatus is what followers of an order see.
type LiveStatus struct {
	OrderID        string `json:"orderId"`
	Status         Status `json:"status"`
	CompletedSteps int    `json:"completedSteps"`
	ChargeAttempts int    `json:"chargeAttempts"`
	Problem        string `json:"problem,omitempty"`
}

// The names of everything that the steps share, each with the type of its values.
const (
	OrderCreated motia.Topic[Order]           = "order-created"
	SendEmail    motia.Topic[Email]           = "send-email"
	Orders       motia.Scope[Order]           = "orders" // by order id
	Stock        motia.Scope[Reserved]        = "stock"  // by SKU
	Live         motia.StreamName[LiveStatus] = "orders" // group: customer id, item: order id
)

func (o NewOrder) total() (sum int64) {
	for _, item := range o.Items {
		sum += int64(item.Qty) * item.Price
	}
	return sum
}

func (o NewOrder) pieces() (sum int) {
	for _, item := range o.Items {
		sum += item.Qty
	}
	return sum
}
