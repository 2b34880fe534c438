package main

import (
	"context"
	"time"

	"github.com/motia-go/motia"
)

// service holds what the steps need besides their input: the steps are its methods.
type service struct {
	app      *motia.App
	terminal terminal
	summary  string
	stopping context.Context // ends when the service is asked to stop
}

// newApp wires the service: an app with all its steps, ready to serve until stopping ends.
func newApp(stopping context.Context, c config) (*motia.App, error) {
	s := &service{
		terminal: terminal{failRate: c.failRate, seed: c.seed},
		summary:  c.summary,
		stopping: stopping,
	}
	s.app = motia.New(&motia.Options{
		Streams:         []motia.StreamConfig{{Name: string(Live)}},
		ShutdownTimeout: 10 * time.Second,
	})
	return s.app, s.app.Register(
		createOrder, getOrder, s.followOrder(), // orders.go, follow.go
		s.charge(), reserveStock, completeOrder, sendEmail, // fulfil.go, email.go
		publishStatus,                    // follow.go
		s.listDeadLetters(), s.redrive(), // deadletters.go
		s.summarise(), // summary.go
	)
}
