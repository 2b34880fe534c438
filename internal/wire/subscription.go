package wire

import (
	"net/url"
	"strings"
)

// Subscription identifies the queue of a trigger. Fields that do not belong to its kind are ignored.
type Subscription struct {
	Step string
	Kind string // queue, cron, state or stream
	Name string // of the trigger; empty if it has none

	Topic            string
	Expression, Zone string
	Scope, Key       *string // nil means any
	Stream           string
	Group, Item      *string // nil means any
}

// ID returns the name of the subscription in the backend. A name replaces the step and everything that the trigger
// says, except what it listens to. All parts are escaped, so that different subscriptions have different ids. Only
// ids with a name begin with an @, and none contains a colon.
func (s *Subscription) ID() string {
	var source, rest []string
	switch s.Kind {
	case "queue":
		source = []string{s.Topic}
	case "cron":
		rest = []string{s.Expression}
		if s.Zone != "" {
			rest = append(rest, s.Zone)
		}
	case "state":
		// The changes of a scope go to the topic of the scope and to that of all scopes. A subscription that was
		// bound to one and later also to the other would get them twice.
		source, rest = []string{optional(s.Scope)}, []string{optional(s.Key)}
	case "stream":
		source, rest = []string{s.Stream}, []string{optional(s.Group), optional(s.Item)}
	}
	if s.Name != "" {
		return "@" + joinEscaped([]string{s.Kind, s.Name}, source)
	}
	return joinEscaped([]string{s.Step, s.Kind}, source, rest)
}

// StepAndKind returns the step and the kind that an id from [Subscription.ID] contains. The step is empty if the
// trigger has a name.
func StepAndKind(id string) (step, kind string) {
	first, rest, _ := strings.Cut(id, "/")
	if kind, ok := strings.CutPrefix(first, "@"); ok {
		return "", kind
	}
	step, err := url.QueryUnescape(first)
	if err != nil {
		return "", ""
	}
	kind, _, _ = strings.Cut(rest, "/")
	return step, kind
}

func joinEscaped(lists ...[]string) string {
	var parts []string
	for _, list := range lists {
		for _, part := range list {
			parts = append(parts, url.QueryEscape(part))
		}
	}
	return strings.Join(parts, "/")
}

// optional distinguishes nil from the empty string.
func optional(s *string) string {
	if s == nil {
		return "*"
	}
	return "=" + *s
}
