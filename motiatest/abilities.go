package motiatest

import "github.com/motia-go/motia/driver"

// abilities are the optional interfaces of a KV, nil for those that it lacks. A backend that wraps another one must
// have the same abilities. Otherwise an app under test would behave differently from one in production.
type abilities struct {
	updater driver.Updater
	log     driver.ChangeLog
	syncer  driver.WatchSyncer
}

func abilitiesOf(kv driver.KV) abilities {
	var a abilities
	a.updater, _ = kv.(driver.Updater)
	a.log, _ = kv.(driver.ChangeLog)
	a.syncer, _ = kv.(driver.WatchSyncer)
	return a
}

// add returns a KV that has the methods of kv and these abilities.
func (a abilities) add(kv driver.KV) driver.KV {
	type (
		base = driver.KV
		u    = driver.Updater
		l    = driver.ChangeLog
		s    = driver.WatchSyncer
	)
	kv = struct{ base }{kv} // without its own abilities
	has := [3]bool{a.updater != nil, a.log != nil, a.syncer != nil}
	switch has {
	case [3]bool{true, true, true}:
		return struct {
			base
			u
			l
			s
		}{kv, a.updater, a.log, a.syncer}
	case [3]bool{true, true, false}:
		return struct {
			base
			u
			l
		}{kv, a.updater, a.log}
	case [3]bool{true, false, true}:
		return struct {
			base
			u
			s
		}{kv, a.updater, a.syncer}
	case [3]bool{false, true, true}:
		return struct {
			base
			l
			s
		}{kv, a.log, a.syncer}
	case [3]bool{true, false, false}:
		return struct {
			base
			u
		}{kv, a.updater}
	case [3]bool{false, true, false}:
		return struct {
			base
			l
		}{kv, a.log}
	case [3]bool{false, false, true}:
		return struct {
			base
			s
		}{kv, a.syncer}
	}
	return kv
}
