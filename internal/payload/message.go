package payload

import (
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"
)

// formats are the messages of rules without a parameter, most of which require a string of a certain kind.
var formats = map[string]string{
	"email":            "must be an email address",
	"url":              "must be a URL",
	"http_url":         "must be an HTTP URL",
	"https_url":        "must be an HTTPS URL",
	"uri":              "must be a URI",
	"uuid":             "must be a UUID",
	"uuid3":            "must be a UUID of version 3",
	"uuid4":            "must be a UUID of version 4",
	"uuid5":            "must be a UUID of version 5",
	"uuid7":            "must be a UUID of version 7",
	"uuid_rfc4122":     "must be a UUID",
	"ulid":             "must be a ULID",
	"iso4217":          "must be an ISO 4217 currency code",
	"iso3166_1_alpha2": "must be a two-letter ISO 3166 country code",
	"iso3166_1_alpha3": "must be a three-letter ISO 3166 country code",
	"country_code":     "must be an ISO 3166 country code",
	"e164":             "must be a phone number such as +15551234567",
	"alpha":            "must contain only letters",
	"alphanum":         "must contain only letters and digits",
	"numeric":          "must be a number",
	"number":           "must contain only digits",
	"boolean":          "must be a boolean",
	"hexadecimal":      "must be hexadecimal",
	"lowercase":        "must be lower case",
	"uppercase":        "must be upper case",
	"ascii":            "must contain only ASCII characters",
	"base64":           "must be base64",
	"json":             "must be JSON",
	"ip":               "must be an IP address",
	"ipv4":             "must be an IPv4 address",
	"ipv6":             "must be an IPv6 address",
	"hostname":         "must be a host name",
	"fqdn":             "must be a fully qualified domain name",
	"semver":           "must be a semantic version",
	"timezone":         "must be a time zone",
	"credit_card":      "must be a credit card number",
	"unique":           "must not contain duplicates",
	"required":         "is required",
	"isdefault":        "must not be set",
}

// prefixes are rules whose parameter ends the sentence.
var prefixes = map[string]string{
	"eq":             "must be ",
	"eq_ignore_case": "must be ",
	"ne":             "must not be ",
	"ne_ignore_case": "must not be ",
	"contains":       "must contain ",
	"excludes":       "must not contain ",
	"startswith":     "must start with ",
	"endswith":       "must end with ",
	"datetime":       "must be a time in the form ",
}

// message describes the rule that a field breaks, in words that follow the field's name.
func message(f validator.FieldError) string {
	rule, param := f.Tag(), f.Param()
	switch rule {
	case "min", "gte":
		return size(f, "at least", "at least", "must not be in the past")
	case "max", "lte":
		return size(f, "at most", "at most", "must not be in the future")
	case "gt":
		return size(f, "greater than", "more than", "must be in the future")
	case "lt":
		return size(f, "less than", "fewer than", "must be in the past")
	case "len":
		return size(f, "", "exactly", "")
	case "eq", "ne":
		if t := indirect(f.Type()); t != nil && isCollection(t) { // compared by length
			if rule == "eq" {
				return "must have exactly " + counted(param, "item")
			}
			return "must not have " + counted(param, "item")
		}
	case "oneof", "oneofci":
		return "must be one of " + strings.Join(words(param), ", ")
	case "noneof", "noneofci":
		return "must not be one of " + strings.Join(words(param), ", ")
	}
	if m, ok := formats[rule]; ok && (param == "" || rule == "unique") {
		return m
	}
	if m, ok := prefixes[rule]; ok && param != "" {
		return m + param
	}
	switch {
	case strings.HasPrefix(rule, "required_"):
		return "is required here"
	case strings.HasPrefix(rule, "excluded_"):
		return "must not be set here"
	case param != "":
		return "does not satisfy " + rule + "=" + param
	}
	return "does not satisfy " + rule
}

// size describes a rule about the value of a number, the length of a string, the number of items, or a time compared
// with now.
func size(f validator.FieldError, value, count, now string) string {
	param := f.Param()
	t := indirect(f.Type())
	switch {
	case t == nil:
	case t.Kind() == reflect.String:
		return "must have " + count + " " + counted(param, "character")
	case isCollection(t):
		return "must have " + count + " " + counted(param, "item")
	case isTime(t) && param == "":
		return now
	}
	return "must be " + strings.TrimSpace(value+" "+param)
}

func counted(n, noun string) string {
	if n == "1" {
		return n + " " + noun
	}
	return n + " " + noun + "s"
}

// words splits the parameter of a rule at spaces that are not within single quotes.
func words(param string) []string {
	var list []string
	for i, part := range strings.Split(param, "'") {
		if i%2 == 1 {
			list = append(list, part)
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}
