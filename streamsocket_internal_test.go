package motia

import "fmt"

// StreamLeftovers describes, for tests, what the app holds for streams that somebody follows; it is empty when nobody does.
func (a *App) StreamLeftovers() []string {
	var left []string
	for name, s := range a.streams {
		for _, group := range s.hubs.Groups() {
			left = append(left, fmt.Sprintf("hub of group %q of %q", group, name))
		}
	}
	return left
}
