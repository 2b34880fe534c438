package motia

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
)

// TriggerType is the kind of a trigger.
type TriggerType string

// The kinds of triggers.
const (
	TriggerHTTP   TriggerType = "http"
	TriggerQueue  TriggerType = "queue"
	TriggerCron   TriggerType = "cron"
	TriggerState  TriggerType = "state"
	TriggerStream TriggerType = "stream"
)

// TriggerInfo says what fired an invocation. Fields that do not belong to the trigger's type are empty.
type TriggerInfo struct {
	Type       TriggerType
	Index      int    // in StepConfig.Triggers
	Name       string // given with Named
	Path       string // http: the route as declared
	Method     string // http: the method as declared
	Topic      string // queue
	Expression string // cron
	Scope      string // state: of the value that changed
	Key        string // state: of the value that changed
	Stream     string // stream
	Attempt    int    // 1 on the first delivery; always 1 for http
}

// Trigger says when a step runs. Make one with [HTTP], [Queue], [Cron], [State] or [Stream], or with the Trigger
// methods of [Topic], [Scope] and [StreamName]. [App.Register] reports mistakes in it.
//
// Every trigger except HTTP has a queue of its own. In a durable backend, the name of the trigger identifies the
// queue after a restart, see [Named]. For a trigger without a name, these identify it: the name of the step, and the
// topic; the expression and zone; the scope and key; or the stream, group and item. Conditions, [QueueConfig],
// [Overlap] and the position among the step's triggers may change. Two triggers of a step that differ only in these
// need names: Register refuses them without.
type Trigger struct {
	kind         TriggerType
	name         string // empty unless Named
	method, path string
	topic        string
	expression   string
	stream       string
	scope, key   *string // state filters; nil means any
	group, item  *string // stream filters; nil means any
	zone         string
	overlap      Overlap
	queue        QueueConfig
	conditions   []condition
	middleware   []func(http.Handler) http.Handler
	payload      reflect.Type // of the typed name that it was made from; nil for a plain string
	mistakes     []error      // options that do not belong to the kind
}

// condition is a function of type func(Input[T]) bool for the T of input.
type condition struct {
	accepts any
	input   reflect.Type
}

// TriggerOption is an option of a trigger: [Named], [QueueConfig], [When], [Use], [InZone], [Overlap], [InScope],
// [ForKey], [InGroup] or [ForItem]. It cannot be implemented elsewhere.
type TriggerOption interface{ applyTrigger(*Trigger) }

type triggerOption func(*Trigger)

func (o triggerOption) applyTrigger(t *Trigger) { o(t) }

// HTTP fires for requests with the method and path. A path segment `:name` or `{name}` is a parameter; a last segment
// `*name`, `{name...}` or `*` takes the rest of the path. A GET trigger serves HEAD as well.
func HTTP(method, path string, opts ...TriggerOption) Trigger {
	return newTrigger(Trigger{kind: TriggerHTTP, method: method, path: path}, opts)
}

// Queue fires for every message on the topic. If several steps consume a topic, each of them gets every message.
func Queue(topic string, opts ...TriggerOption) Trigger {
	return newTrigger(Trigger{kind: TriggerQueue, topic: topic}, opts)
}

// Cron fires by a cron expression: five fields (minute, hour, day of month, month, day of week), six with a leading
// second, a descriptor such as @daily, or "@every 90s". The time zone is UTC unless [Options.Location], [InZone] or a
// leading "CRON_TZ=Europe/Berlin " says otherwise. "@every d" is due at whole multiples of d since 1970, so that
// several processes agree on its ticks.
//
// When daylight saving begins or ends: a fixed time that does not exist runs once at the following instant, a fixed
// time that occurs twice runs once, and intervals (a `*` in the minute or hour field) run in both repeated hours.
//
// A failed tick becomes a dead letter. It is retried only if the trigger's [QueueConfig] sets MaxAttempts.
func Cron(expression string, opts ...TriggerOption) Trigger {
	return newTrigger(Trigger{kind: TriggerCron, expression: expression}, opts)
}

// State fires for every committed change of a state value, in order for each key. Narrow it with [InScope] and
// [ForKey]. A write that changes nothing does not fire it, and neither does a value that expires.
func State(opts ...TriggerOption) Trigger {
	return newTrigger(Trigger{kind: TriggerState}, opts)
}

// Stream fires for every item created, updated or deleted and every event sent on a stream declared in
// [Options.Streams]. The stored changes of an item come in order, and so do the events that one sender sends to it;
// there is no order between the two. Narrow it with [InGroup] and [ForItem].
func Stream(name string, opts ...TriggerOption) Trigger {
	return newTrigger(Trigger{kind: TriggerStream, stream: name}, opts)
}

func newTrigger(t Trigger, opts []TriggerOption) Trigger {
	for _, o := range opts {
		if o != nil {
			o.applyTrigger(&t)
		}
	}
	return t
}

// Named gives the trigger a name that identifies its queue in place of the step's name and the trigger's other
// settings. Messages that wait during a deployment then reach the trigger even if the new version renames the step,
// moves the trigger to another step, or changes its conditions, schedule, key, group or item; it skips those that no
// longer match. The topic, scope or stream remains part of the identity: messages of another one are not meant for
// the trigger. While both versions run, a message reaches one of them.
//
// A name must be unique among the triggers of its kind, in the app and in all apps that share its backend. Adding,
// changing or removing a name starts a new queue; messages in the old one stay there. HTTP triggers have no queue:
// their names are only for people and tools.
func Named(name string) TriggerOption {
	return triggerOption(func(t *Trigger) {
		if name == "" {
			t.mistakef("name is empty")
		}
		t.once(t.name != "", "name")
		t.name = name
	})
}

// When lets the trigger fire only if condition returns true for the decoded and validated input, whose TInput is that
// of the step. If it returns false, an HTTP request is answered with 422, and a message is acknowledged and skipped
// for this trigger only. If it panics, the attempt has failed. Several conditions must all be true.
func When[TInput any](condition func(Input[TInput]) bool) TriggerOption {
	return triggerOption(func(t *Trigger) { t.addCondition(condition, reflect.TypeFor[TInput](), condition == nil) })
}

func (t *Trigger) addCondition(accepts any, input reflect.Type, missing bool) {
	if missing {
		t.mistakef("condition is nil")
		return
	}
	t.conditions = append(t.conditions, condition{accepts, input})
}

// Use wraps an HTTP trigger in middleware, inside that of [Options.Middleware]; the first is the outermost.
func Use(middleware ...func(http.Handler) http.Handler) TriggerOption {
	return triggerOption(func(t *Trigger) {
		t.only(TriggerHTTP, "Use")
		for _, m := range middleware {
			if m == nil {
				t.mistakef("middleware is nil")
				continue
			}
			t.middleware = append(t.middleware, m)
		}
	})
}

// InZone sets the time zone of a cron trigger by its IANA name, for example "Europe/Berlin". Register refuses it if
// the expression names a zone too, and refuses "Local" in both: processes that share a schedule must agree on its
// times.
func InZone(name string) TriggerOption {
	return triggerOption(func(t *Trigger) {
		t.only(TriggerCron, "InZone")
		if name == "" {
			t.mistakef("time zone is empty")
		}
		t.once(t.zone != "", "time zone")
		t.zone = name
	})
}

// Overlap says what happens if a tick is due while the previous run has not finished. It is an option of [Cron].
type Overlap string

// The overlap policies.
const (
	OverlapSkip  Overlap = "skip"  // the default: the tick is skipped
	OverlapQueue Overlap = "queue" // one tick waits for the run to finish, further ones are skipped
	OverlapAllow Overlap = "allow" // ticks run side by side, up to the trigger's Concurrency
)

func (o Overlap) applyTrigger(t *Trigger) {
	t.only(TriggerCron, "Overlap")
	switch o {
	case OverlapSkip, OverlapQueue, OverlapAllow:
	default:
		t.mistakef("unknown overlap policy %q", string(o))
	}
	t.overlap = o
}

// InScope narrows a state trigger to one scope.
func InScope(scope string) TriggerOption {
	return triggerOption(func(t *Trigger) { t.only(TriggerState, "InScope"); narrow(t, &t.scope, scope, "scope") })
}

// ForKey narrows a state trigger to one key.
func ForKey(key string) TriggerOption {
	return triggerOption(func(t *Trigger) { t.only(TriggerState, "ForKey"); narrow(t, &t.key, key, "key") })
}

// ForItem narrows a stream trigger, or a subscription to a stream, to one item.
func ForItem(id string) ItemOption { return ItemOption{id} }

// ItemOption is what [ForItem] returns.
type ItemOption struct{ id string }

func (o ItemOption) applyTrigger(t *Trigger) {
	t.only(TriggerStream, "ForItem")
	narrow(t, &t.item, o.id, "item")
}

// InGroup sets the group of an enqueued [Message], or narrows a stream trigger to one group of its stream.
func InGroup(id string) GroupOption { return GroupOption{id} }

// GroupOption is what [InGroup] returns.
type GroupOption struct{ id string }

func (o GroupOption) applyTrigger(t *Trigger) {
	t.only(TriggerStream, "InGroup")
	narrow(t, &t.group, o.id, "group")
}

func (o GroupOption) applyEnqueue(m *enqueuing) { m.group = o.id }

// only records a mistake if the option does not belong to the kind of the trigger.
func (t *Trigger) only(kind TriggerType, option string) {
	if t.kind != kind {
		t.mistakef("%s is an option of %s triggers", option, kind)
	}
}

// narrow sets a filter of the trigger.
func narrow(t *Trigger, filter **string, value, what string) {
	t.once(*filter != nil, what)
	*filter = &value
}

// once records a mistake if an option was given before.
func (t *Trigger) once(given bool, what string) {
	if given {
		t.mistakef("%s is given twice", what)
	}
}

func (t *Trigger) mistakef(format string, args ...any) {
	t.mistakes = append(t.mistakes[:len(t.mistakes):len(t.mistakes)], fmt.Errorf(format, args...))
}

// String describes the trigger, for example as "http POST /orders".
func (t Trigger) String() string {
	if t.name == "" {
		return t.describe()
	}
	return fmt.Sprintf("%s named %q", t.describe(), t.name)
}

func (t *Trigger) describe() string {
	switch t.kind {
	case TriggerHTTP:
		return "http " + t.method + " " + t.path
	case TriggerQueue:
		return fmt.Sprintf("queue %q", t.topic)
	case TriggerCron:
		return fmt.Sprintf("cron %q", t.expression)
	case TriggerState:
		return "state" + narrowed(" ", t.scope) + narrowed(" key ", t.key)
	case TriggerStream:
		return fmt.Sprintf("stream %q", t.stream) + narrowed(" group ", t.group) + narrowed(" item ", t.item)
	}
	return "the zero Trigger"
}

func narrowed(what string, filter *string) string {
	if filter == nil {
		return ""
	}
	return what + strconv.Quote(*filter)
}

// TriggerSpec describes a [Trigger] for tools that draw the flow graph, document the HTTP API or show an admin page.
// [Trigger.Spec] returns it. Fields that do not belong to the trigger's type are empty.
type TriggerSpec struct {
	Type TriggerType `json:"type"`
	// Name was given with [Named].
	Name string `json:"name,omitempty"`
	// Method and Path are those of an HTTP trigger, as declared.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// Topic is the topic of a queue trigger.
	Topic string `json:"topic,omitempty"`
	// Expression is the expression of a cron trigger, as declared. Zone was given with [InZone]; if it is empty, the
	// zone is that of the expression or of [Options.Location]. Overlap is the policy that applies, even by default.
	Expression string  `json:"expression,omitempty"`
	Zone       string  `json:"zone,omitempty"`
	Overlap    Overlap `json:"overlap,omitempty"`
	// Scope and Key are what a state trigger is narrowed to. Nil means any.
	Scope *string `json:"scope,omitempty"`
	Key   *string `json:"key,omitempty"`
	// Stream is the stream of a stream trigger. Group and Item are what it is narrowed to. Nil means any.
	Stream string  `json:"stream,omitempty"`
	Group  *string `json:"group,omitempty"`
	Item   *string `json:"item,omitempty"`
	// Queue is the delivery policy as given to the trigger. Zero fields mean the defaults of the app and the library.
	Queue QueueConfig `json:"queue,omitzero"`
	// Conditions is the number of conditions given with [When].
	Conditions int `json:"conditions,omitempty"`
	// Payload is the type of the [Topic], [Scope] or [StreamName] that the trigger was made from, and nil if it was made
	// from a plain string. Then only [Step.InputType] is known.
	Payload reflect.Type `json:"-"`
}

// Spec returns a description of the trigger, which the caller may modify.
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
