package main

import "github.com/motia-go/motia"

// sendEmail stands for a mail server. The mails to one customer go out in order: they are a message group. Each has an ID, and the server drops
// one that it has sent already: the step may run twice for a message, and at worst does so after the mail is out.
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
