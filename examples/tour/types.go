package main

import (
	"github.com/motia-go/motia"
)

// The payloads. Their tags are checked before a handler runs.

type Order struct {
	ID         string  `json:"orderId" validate:"required"`
	Amount     float64 `json:"amount" validate:"gt=0"`
	Currency   string  `json:"currency" validate:"required,iso4217"`
	Email      string  `json:"email" validate:"required,email"`
	CustomerID string  `json:"customerId" validate:"required"`
}

type Email struct {
	To       string `json:"to" validate:"required,email"`
	Template string `json:"template" validate:"required"`
}

type Visit struct {
	Count     int   `json:"count"`
	LastVisit int64 `json:"lastVisit"`
}

type Document struct {
	Content   string `json:"content" validate:"required"`
	UpdatedAt int64  `json:"updatedAt"`
}

type UserSync struct {
	UserID string `json:"userId"`
}

// The names of topics, scopes and streams, each with the type of its values.
const (
	OrderCreated motia.Topic[Order]         = "order-created"
	SendEmail    motia.Topic[Email]         = "send-email"
	Visits       motia.Scope[Visit]         = "page-visits"
	Documents    motia.StreamName[Document] = "documents"
)
