package motiatest

import (
	"context"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
)

// kv records writes.
type kv struct {
	driver.KV
	rec *recorder
}

func (r *recorder) kv(inner driver.KV) driver.KV {
	k := &kv{inner, r}
	if counter, ok := inner.(interface{ PendingChanges() int }); ok {
		r.pendingChanges = counter.PendingChanges
	}
	abilities := abilitiesOf(inner)
	if abilities.updater != nil {
		abilities.updater = recordingUpdater{k, abilities.updater}
	}
	return abilities.add(k)
}

func (k *kv) Put(ctx context.Context, key driver.Key, value []byte, options driver.PutOptions) (old, written driver.Entry, err error) {
	e := k.write(ctx, key, options.Header)
	old, written, err = k.KV.Put(ctx, key, value, options)
	k.written(e, old, written, err)
	return old, written, err
}

// recordingUpdater records updates.
type recordingUpdater struct {
	*kv
	updater driver.Updater
}

func (k recordingUpdater) Update(ctx context.Context, key driver.Key, header driver.Header, change func([]byte) ([]byte, error)) (old, written driver.Entry, err error) {
	e := k.write(ctx, key, header)
	old, written, err = k.updater.Update(ctx, key, header, change)
	k.written(e, old, written, err)
	return old, written, err
}

// write adds the event of a write before it is made.
func (k *kv) write(ctx context.Context, key driver.Key, header driver.Header) *event {
	e := Event{Kind: KindState, TraceID: traceID(header), Scope: key.Scope, Key: key.ID}
	if stream := wire.StreamOfBucket(key.Bucket); stream != "" {
		e = Event{Kind: KindStream, TraceID: e.TraceID, Stream: stream, GroupID: key.Scope, ItemID: key.ID}
	}
	k.rec.mu.Lock()
	defer k.rec.mu.Unlock()
	added := k.rec.addLocked(spanOf(ctx), e)
	added.open = true
	if header.TraceParent != "" {
		k.rec.causes[header.TraceParent] = append(k.rec.causes[header.TraceParent], added)
	}
	return added
}

func (k *kv) written(e *event, old, written driver.Entry, err error) {
	if lost := lostAnswer(err); lost != nil {
		old, written, err = lost.old, lost.new, nil
	}
	if err != nil || old.Revision == written.Revision {
		k.rec.settle(e, nil)
		return
	}
	k.rec.settle(e, func(e *Event) {
		e.Old, e.Data = old.Value, written.Value
		kinds := [3]string{string(motia.ChangeCreated), string(motia.ChangeUpdated), string(motia.ChangeDeleted)}
		if e.Kind == KindStream {
			kinds = [3]string{string(motia.EventCreate), string(motia.EventUpdate), string(motia.EventDelete)}
		}
		switch {
		case old.Revision == 0:
			e.Change = kinds[0]
		case written.Value == nil:
			e.Change = kinds[2]
		default:
			e.Change = kinds[1]
		}
	})
}

// bus records sent events.
type bus struct {
	driver.Bus
	rec *recorder
}

func (r *recorder) bus(inner driver.Bus) driver.Bus {
	b := &bus{inner, r}
	if syncer, ok := inner.(driver.SubjectSyncer); ok {
		return struct {
			*bus
			driver.SubjectSyncer
		}{b, syncer}
	}
	return b
}

func (b *bus) Send(ctx context.Context, subject string, data []byte) error {
	sent, err := wire.DecodeStreamEvent(data)
	if err != nil || sent.Stream == "" {
		return b.Bus.Send(ctx, subject, data)
	}
	b.rec.mu.Lock()
	e := b.rec.addLocked(spanOf(ctx), Event{Kind: KindStream, Stream: sent.Stream, GroupID: sent.Group, ItemID: sent.Item,
		Change: sent.Type, Name: sent.Name, Data: sent.Payload})
	e.open = true
	b.rec.sent[string(data)] = e
	b.rec.mu.Unlock()
	err = b.Bus.Send(ctx, subject, data)
	if err != nil && lostAnswer(err) == nil {
		b.rec.settle(e, nil)
		return err
	}
	b.rec.settle(e, func(*Event) {})
	return err
}
