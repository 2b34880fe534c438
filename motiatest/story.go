package motiatest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/motia-go/motia"
)

// String returns the events as a tree, in which every event is below its cause:
//
//	POST /orders {"id":"o-1"} → create-order
//	    enqueue order-created {"id":"o-1"}
//	        → charge: retried: card service is down
//	        → charge, attempt 2: done
//	            state "orders" "o-1" created {"paid":true}
//	    ← 201 {"id":"o-1"}
//
// It contains neither times nor trace ids. Events are in the order of their causes, not of the clock, and steps with
// the same cause are sorted by name. So the text is the same for every run, unless steps that run concurrently see
// each other's effects.
func (e Events) String() string {
	w := story{led: make(map[int][]*Event), did: make(map[*span][]*Event), started: make(map[*span]bool)}
	present := make(map[int]bool)
	var ids []string
	for i := range e {
		event := &e[i]
		present[event.seq] = true
		if event.TraceID != "" {
			ids = append(ids, event.TraceID, "TRACE-ID")
		}
		if event.Kind == KindStart {
			w.started[event.span] = true
		}
		w.did[event.span] = append(w.did[event.span], event)
	}
	led := func(event *Event) bool {
		return event.span != nil && event.span.cause != nil && present[event.span.cause.seq]
	}
	for i := range e {
		if event := &e[i]; event.Kind == KindStart && led(event) {
			w.led[event.span.cause.seq] = append(w.led[event.span.cause.seq], event)
		}
	}
	for i := range e {
		switch event := &e[i]; {
		case event.Kind == KindStart && !led(event):
			w.span(event, 0)
		case event.Kind != KindStart && !w.started[event.span]:
			w.event(event, 0)
		}
	}
	return strings.NewReplacer(ids...).Replace(w.text.String())
}

// story is the text of a list of events.
type story struct {
	led     map[int][]*Event   // starts, by the seq of their cause
	did     map[*span][]*Event // all events of a span
	started map[*span]bool     // spans whose start is in the list
	text    strings.Builder
}

func (w *story) line(depth int, format string, args ...any) {
	w.text.WriteString(strings.Repeat("    ", depth))
	// One line each, even if a text has several.
	w.text.WriteString(strings.TrimRight(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", `\n`), " "))
	w.text.WriteByte('\n')
}

// span writes an invocation with all its events.
func (w *story) span(start *Event, depth int) {
	var end *Event
	for _, e := range w.did[start.span] {
		if e.Kind == KindEnd {
			end = e
		}
	}
	request := start.span.request
	head := "→ " + start.Step
	switch {
	case request != "":
		head = fmt.Sprintf("%s %s", request, string(start.Data))
		if start.Step != "" {
			head = strings.TrimRight(head, " ") + " → " + start.Step
		}
	case start.span.subscription == nil:
		head = fmt.Sprintf("call for %s %s", start.Trigger, string(start.Data))
	case start.span.cause == nil:
		head = fmt.Sprintf("%s %s → %s", start.Trigger, string(start.Data), start.Step)
		if start.span.subscription.kind == motia.TriggerCron { // the time of the tick is not shown
			head = fmt.Sprintf("%s → %s", start.Trigger, start.Step)
		}
	}
	if start.Attempt > 1 {
		head += ", attempt " + strconv.Itoa(start.Attempt)
	}
	switch {
	case start.span.subscription == nil: // a response follows
	case end == nil:
		head += ": running"
	default:
		head += ": " + string(end.Outcome)
		if end.Err != "" {
			head += ": " + end.Err
		}
	}
	w.line(depth, "%s", head)
	for _, e := range w.did[start.span] {
		w.event(e, depth+1)
	}
	if end != nil && request != "" {
		status := strconv.Itoa(end.Status)
		if end.Err != "" {
			status = cmp.Or(strings.TrimPrefix(status, "0"), "nothing") + ", then " + end.Err
		}
		w.line(depth+1, "← %s %s", status, string(end.Data))
	}
}

// event writes an event with its effects.
func (w *story) event(e *Event, depth int) {
	switch e.Kind {
	case KindEnqueue:
		text := "enqueue " + e.Topic
		if e.MessageGroupID != "" {
			text += fmt.Sprintf(", group %q", e.MessageGroupID)
		}
		if e.MessageID != "" {
			text += fmt.Sprintf(", id %q", e.MessageID)
		}
		if e.Delay != 0 {
			text += fmt.Sprintf(", after %v", e.Delay)
		}
		w.line(depth, "%s %s", text, string(e.Data))
	case KindState:
		w.line(depth, "state %q %q %s %s", e.Scope, e.Key, e.Change, string(e.Data))
	case KindStream:
		change := e.Change
		if e.Name != "" {
			change += fmt.Sprintf(" %q", e.Name)
		}
		w.line(depth, "stream %q %q %q %s %s", e.Stream, e.GroupID, e.ItemID, change, string(e.Data))
	case KindLog:
		if !e.late {
			w.line(depth, "log %s %s %s", e.Level, e.Message, string(e.Data))
		}
	}
	led := w.led[e.seq]
	if e.Kind == KindStart {
		return
	}
	slices.SortStableFunc(led, func(a, b *Event) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.span.delivery.subscription, b.span.delivery.subscription),
			cmp.Compare(a.span.delivery.sequence, b.span.delivery.sequence), cmp.Compare(a.seq, b.seq))
	})
	for _, start := range led {
		w.span(start, depth+1)
	}
}
