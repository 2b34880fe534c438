package main

import (
	"errors"
	"net/http"

	"github.com/motia-go/motia"
)

func (s *service) listDeadLetters() motia.Step {
	return motia.HTTPStep(motia.StepConfig{
		Name:     "list-dead-letters",
		Triggers: []motia.Trigger{motia.HTTP("GET", "/dead-letters")},
	}, func(_ *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
		letters, err := s.app.DeadLetters().List(ctx, motia.DeadLetterQuery{})
		if err != nil {
			return motia.Response{}, err
		}
		count, err := s.app.DeadLetters().Count(ctx, motia.DeadLetterQuery{})
		return motia.Response{Body: map[string]any{
			"count":       count,
			"deadLetters": append([]motia.DeadLetter{}, letters...), // [], not null, if there are none
		}}, err
	})
}

// redrive redrives dead letters: those named by ?id=..., or all.
func (s *service) redrive() motia.Step {
	return motia.HTTPStep(motia.StepConfig{
		Name:     "redrive-dead-letters",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/dead-letters/redrive")},
	}, func(input *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
		ids := input.Request.QueryParams["id"]
		redriven, err := len(ids), error(nil)
		if len(ids) > 0 {
			err = s.app.DeadLetters().Redrive(ctx, ids...)
		} else {
			redriven, err = s.app.DeadLetters().RedriveAll(ctx, motia.DeadLetterQuery{})
		}
		if errors.Is(err, motia.ErrDeadLetterNotFound) {
			return motia.Response{}, motia.HTTPError(http.StatusNotFound, err)
		}
		return motia.Response{Body: map[string]int{"redriven": redriven}}, err
	})
}
