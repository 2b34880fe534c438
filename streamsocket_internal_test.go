package motia

import "fmt"

// StreamLeftovers describes, for tests, what the app holds for streams that somebody follows; it is empty when nobody does.
func (a *App) StreamLeftovers() []string {
	var left []string
	for _, s := range a.streams {
		s.hubs.mu.Lock()
		for group, h := range s.hubs.groups {
			left = append(left, fmt.Sprintf("hub of group %q of %q, held %d times", group, s.name, h.refs))
		}
		s.hubs.mu.Unlock()
	}
	a.clients.mu.Lock()
	defer a.clients.mu.Unlock()
	for range a.clients.boxes {
		left = append(left, "a client")
	}
	return left
}
