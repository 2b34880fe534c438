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
// methods of [Topic], [Scope] and [StreamName]. Mistakes in it are reported by [App.Register].
//
// What fires a trigger waits for it in a queue of its own, unless it is an HTTP request. A durable backend finds the
// queue again after a restart by the name of the trigger, see [Named]. For a trigger without a name, the step's name
// and what the trigger says identify the queue: its topic; its expression and zone; its scope and key; its stream,
// group and item. Conditions, [QueueConfig], [Overlap] and the position among the step's triggers may change, but two
// triggers that differ in nothing else need names: Register refuses them without.
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
	payload      reflect.Type // of the typed name it was made from; nil if by plain string
	mistakes     []error      // options that do not belong to the kind
}

// condition is a function of type func(Input[T]) bool for the T of input.
type condition struct {
	accepts any
	input   reflect.Type
}

// TriggerOption qualifies a trigger. The options are [Named], [QueueConfig], [When], [Use], [InZone], [Overlap],
// [InScope], [ForKey], [InGroup] and [ForItem]; it cannot be implemented elsewhere.
type TriggerOption interface{ applyTrigger(*Trigger) }

type triggerOption func(*Trigger)

func (o triggerOption) applyTrigger(t *Trigger) { o(t) }

// HTTP fires for requests with the method and path. A path segment `:name` or `{name}` is a parameter; a last segment
// `*name`, `{name...}` or `*` takes the rest of the path. A GET trigger serves HEAD as well.
func HTTP(method, path string, opts ...TriggerOption) Trigger {
	return newTrigger(Trigger{kind: TriggerHTTP, method: method, path: path}, opts)
}

// Queue fires for every message on the topic. Steps with the same topic all get every message.
func Queue(topic string, opts ...TriggerOption) Trigger {
	return newTrigger(Trigger{kind: TriggerQueue, topic: topic}, opts)
}

// Cron fires by a cron expression: five fields (minute, hour, day of month, month, day of week), six with a leading
// second, a descriptor such as @daily, or "@every 90s". The time zone is UTC unless [Options.Location], [InZone] or a
// leading "CRON_TZ=Europe/Berlin " says otherwise. "@every d" is due at the whole multiples of d
// since 1970, so that several processes agree about its ticks.
//
// Across daylight saving: a fixed time that does not exist runs once at the following instant, a fixed time that occurs
// twice runs once, and intervals (a `*` in the minute or hour field) run on both passes.
//
// Failed ticks are not retried unless a [QueueConfig] says so by MaxAttempts; they become dead letters.
func Cron(expression string, opts ...TriggerOption) Trigger {
	return newTrigger(Trigger{kind: TriggerCron, expression: expression}, opts)
}

// State fires for every committed change of a state value, in order for each key. Narrow it with [InScope] and [ForKey].
// A write that changes nothing does not fire, nor does a value that expires.
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

// Named gives the trigger a name, which identifies its queue in place of the step's name and what the trigger says. So
// messages that wait while a new version of the program is deployed reach the trigger even if the new version renames
// the step, moves the trigger to another one, or changes its conditions, schedule, key, group or item. The topic, scope
// or stream stays a part of the identity: messages of another one are not meant for the trigger. While both versions
// run, a message reaches one of them.
//
// A name is unique among the triggers of its kind in an App, and must be so among all apps that share a backend. To
// name an existing trigger, to change its name or to take it away starts a new queue; messages in the old one stay
// there. Requests wait in no queue, so the name of an HTTP trigger is for people and tools only.
func Named(name string) TriggerOption {
	return triggerOption(func(t *Trigger) {
		if name == "" {
			t.mistakef("name is empty")
		}
		t.once(t.name != "", "name")
		t.name = name
	})
}

// When lets the trigger fire only if condition returns true for the decoded and validated input; its TInput is the
// step's. An HTTP request that is turned away answers 422; a message is done with, for this step only. A condition that
// panics is a failed attempt. Several conditions must all be true.
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

// Use wraps the trigger in standard middleware, outermost first, inside that of [Options.Middleware]. For HTTP triggers.
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

// InZone sets the time zone of a cron trigger by its IANA name, for example "Europe/Berlin". It is refused beside an
// expression that names a zone itself. In both places "Local" is refused: it differs from machine to machine, and the
// processes that share a schedule have to agree on its times.
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

// Overlap says what happens when a schedule is due while its previous run has not finished. It is an option of [Cron].
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

// InGroup names a group: the message group of an enqueued message, see [Message], or the one group of a stream that a
// stream trigger is narrowed to.
func InGroup(id string) GroupOption { return GroupOption{id} }

// GroupOption is what [InGroup] returns.
type GroupOption struct{ id string }

func (o GroupOption) applyTrigger(t *Trigger) {
	t.only(TriggerStream, "InGroup")
	narrow(t, &t.group, o.id, "group")
}

func (o GroupOption) applyEnqueue(m *enqueuing) { m.group = o.id }

// only records a mistake when the option does not belong to the trigger.
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

// once records a mistake when what an option gives is there already.
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
	// zone is that of the expression or of [Options.Location]. Overlap is the policy that applies, even if it is the
	// default.
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
