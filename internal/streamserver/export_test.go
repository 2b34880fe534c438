package streamserver

import "fmt"

// Leftovers describes what is held for clients: it is empty when nobody is connected and no group is followed.
func (s *Server) Leftovers() []string {
	var left []string
	for name, st := range s.Streams {
		for _, group := range st.Groups() {
			left = append(left, fmt.Sprintf("hub of group %q of %q", group, name))
		}
	}
	s.clients.mu.Lock()
	defer s.clients.mu.Unlock()
	for range s.clients.boxes {
		left = append(left, "a client")
	}
	return left
}
