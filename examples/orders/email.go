package main

import "github.com/motia-go/motia"

// sendEmail stands for a mail server. The mails to one customer go out in order: they are a message group.
var sendEmail = motia.QueueStep(motia.StepConfig{
	Name:     "send-email",
	Triggers: []motia.Trigger{SendEmail.Trigger()},
}, func(email Email, ctx *motia.FlowContext[motia.None, Email]) error {
	ctx.Logger.Info("email sent", "to", email.To, "template", email.Template, "order", email.OrderID)
	return nil
})

func (o Order) email(template string) Email {
	return Email{To: o.Customer.Email, Template: template, OrderID: o.ID}
}
