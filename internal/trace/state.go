package trace

import "strings"

const (
	// maxState is the length that everyone must propagate; a longer tracestate may be dropped.
	maxState = 512
	// maxMembers is how many members a tracestate may have.
	maxMembers = 32

	maxKey    = 256
	maxTenant = 241 // before the @ of a key
	maxSystem = 14  // after it
	maxValue  = 256
)

// CleanState returns tracestate if it is valid, otherwise the empty string: a tracestate with a mistake is dropped as
// a whole, and the trace continues without it. A caller with several tracestate headers must join them with commas
// first. A caller whose traceparent is invalid must drop the tracestate as well.
func CleanState(tracestate string) string {
	if !ValidState(tracestate) {
		return ""
	}
	return tracestate
}

// ValidState reports whether tracestate is what level 1 of the specification allows, and not longer than 512 bytes:
// members key=value, separated by commas and optional space, no key twice. It may be empty or have empty members.
func ValidState(tracestate string) bool {
	if len(tracestate) > maxState {
		return false
	}
	var keys [maxMembers]string
	n := 0
	for member := range strings.SplitSeq(tracestate, ",") {
		if n == maxMembers {
			return false
		}
		// A value may begin with spaces but not end with one, so trimming loses nothing.
		key, value, ok := strings.Cut(strings.Trim(member, " \t"), "=")
		if key == "" && !ok {
			keys[n] = "" // an empty member counts
			n++
			continue
		}
		if !ok || !validKey(key) || !validValue(value) {
			return false
		}
		for _, earlier := range keys[:n] {
			if earlier == key {
				return false
			}
		}
		keys[n] = key
		n++
	}
	return true
}

// validKey reports whether key is a name, or tenant@system.
func validKey(key string) bool {
	tenant, system, multi := strings.Cut(key, "@")
	if !multi {
		return len(key) <= maxKey && isName(key, false)
	}
	return len(tenant) <= maxTenant && isName(tenant, true) && len(system) <= maxSystem && isName(system, false)
}

// isName reports whether s begins with a lower-case letter, or a digit if that is allowed, and otherwise consists of
// these and the characters _ - * /.
func isName(s string, digitFirst bool) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z':
		case '0' <= c && c <= '9':
			if i == 0 && !digitFirst {
				return false
			}
		case c == '_' || c == '-' || c == '*' || c == '/':
			if i == 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// validValue reports whether value is printable ASCII without comma and equals sign, and does not end with a space.
func validValue(value string) bool {
	if value == "" || len(value) > maxValue || value[len(value)-1] == ' ' {
		return false
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == ',' || c == '=' {
			return false
		}
	}
	return true
}
