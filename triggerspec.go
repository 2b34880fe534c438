package motia

import "reflect"

// TriggerSpec is what a [Trigger] says, for tools that draw the flow graph, describe the HTTP API or show an admin page.
// [Trigger.Spec] returns it. Fields that do not belong to the trigger's type are empty.
type TriggerSpec struct {
	Type TriggerType `json:"type"`
	// Name was given with [Named].
	Name string `json:"name,omitempty"`
	// Method and Path are those of an HTTP trigger, as declared.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// Topic is that of a queue trigger.
	Topic string `json:"topic,omitempty"`
	// Expression is that of a cron trigger, as declared. Zone was given with [InZone]; if it is empty, the expression names
	// the zone, or else [Options.Location] does. Overlap is the policy that applies, given or not.
	Expression string  `json:"expression,omitempty"`
	Zone       string  `json:"zone,omitempty"`
	Overlap    Overlap `json:"overlap,omitempty"`
	// Scope and Key are those that a state trigger is narrowed to. Nil means any.
	Scope *string `json:"scope,omitempty"`
	Key   *string `json:"key,omitempty"`
	// Stream is that of a stream trigger. Group and Item are those that it is narrowed to. Nil means any.
	Stream string  `json:"stream,omitempty"`
	Group  *string `json:"group,omitempty"`
	Item   *string `json:"item,omitempty"`
	// Queue is the delivery policy as given to the trigger. Its zero fields stand for defaults of the app and the library.
	Queue QueueConfig `json:"queue,omitzero"`
	// Conditions is the number of conditions given with [When]. A trigger that has any may not fire.
	Conditions int `json:"conditions,omitempty"`
	// Payload is the type of the [Topic], [Scope] or [StreamName] that the trigger was made from. It is nil if the trigger was
	// made from a plain string; then [Step.InputType] is all that is known.
	Payload reflect.Type `json:"-"`
}

// Spec returns what the trigger says. It is the caller's to change.
func (t Trigger) Spec() TriggerSpec {
	spec := TriggerSpec{
		Type:       t.kind,
		Name:       t.name,
		Method:     t.method,
		Path:       t.path,
		Topic:      t.topic,
		Expression: t.expression,
		Zone:       t.zone,
		Overlap:    t.overlap,
		Scope:      copyOf(t.scope),
		Key:        copyOf(t.key),
		Stream:     t.stream,
		Group:      copyOf(t.group),
		Item:       copyOf(t.item),
		Queue:      t.queue,
		Conditions: len(t.conditions),
		Payload:    t.payload,
	}
	if t.kind == TriggerCron && spec.Overlap == "" {
		spec.Overlap = OverlapSkip
	}
	return spec
}

func copyOf(s *string) *string {
	if s == nil {
		return nil
	}
	return new(*s)
}
