package jsontext

import (
	"reflect"
	"strings"
)

// TypeName returns the name of a type, as [reflect.Type.String] does. From Go 1.27 on, json.RawMessage is an alias of
// a type whose real name callers do not know.
func TypeName(t reflect.Type) string { return TypeNames(t.String()) }

// TypeNames replaces that name in a text.
func TypeNames(text string) string { return rawMessage.Replace(text) }

var rawMessage = strings.NewReplacer("encoding/json/jsontext.Value", "encoding/json.RawMessage", "jsontext.Value", "json.RawMessage")
