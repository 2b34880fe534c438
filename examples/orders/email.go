package main

import "github.com/motia-go/motia"

// sendEmail stands for a mail server. The mails to one customer are a message group, so they are sent in order. Each
// has an ID, and the server drops one that it has already sent, since the step may run twice for a message, at worst
// after the mail was sent.
func (s *service) sendEmail() motia.Step {
	return motia.QueueStep(motia.StepConfig{
		Name:     "send-email",
		Triggers: []motia.Trigger{SendEmail.Trigger()},
	}, func(email Email, ctx *motia.Ctx[Email]) error {
		if s.mailed.first(email.Template + "/" + email.OrderID) {
			ctx.Logger.Info("email sent", "to", email.To, "template", email.Template, "order", email.OrderID)
		}
		return nil
	})
}

func (o Order) email(template string) Email {
	return Email{To: o.Customer.Email, Template: template, OrderID: o.ID}
}
