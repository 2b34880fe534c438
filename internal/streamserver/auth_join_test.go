package streamserver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// authByToken uses the token as the principal.
func authByToken(_ context.Context, r *http.Request) (any, error) { return motia.StreamToken(r), nil }

func TestARefusedJoinIsAnsweredAndSeesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		onJoin  func(context.Context) error
		message string
	}{
		"error":     {func(context.Context) error { return errors.New("secret") }, "join is refused"},
		"panic":     {func(context.Context) error { panic("secret") }, "join is refused"},
		"timeout":   {func(ctx context.Context) error { <-ctx.Done(); return nil }, "join is refused"},
		"deaf":      {func(context.Context) error { time.Sleep(time.Hour); return nil }, "join is refused"},
		"forbidden": {func(context.Context) error { return motia.HTTPError(403, errors.New(`only "members"`)) }, `only \"members\"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var left atomic.Int64
				app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{
					OnJoin: func(ctx context.Context, join motia.StreamJoin) error {
						if join.GroupID == "open" {
							return nil
						}
						return c.onJoin(ctx)
					},
					OnLeave:  func(context.Context, motia.StreamJoin) { left.Add(1) },
					Presence: func(any) motia.Member { return motia.Member{ID: "x"} },
				})
				socketSet(t, app, "closed", "i", `{"secret":1}`)
				client := socketDial(t, l)
				client.join("closed", "")
				client.join("closed", "i")
				time.Sleep(20 * time.Second)
				require.Equal(t, []string{
					`{"streamName":"notes","groupId":"closed","event":{"type":"event","event":{"type":"error","data":{"message":"` + c.message + `"}}}}`,
					`{"streamName":"notes","groupId":"closed","id":"i","event":{"type":"event","event":{"type":"error","data":{"message":"` + c.message + `"}}}}`,
				}, client.texts())
				socketSet(t, app, "closed", "i", `{"secret":2}`)
				socketSend(t, app, "closed", "i", "secret", nil)
				client.leave("closed", "")
				require.Empty(t, client.texts())
				members, err := testkit.Notes.Members(app.Context(t.Context()), "closed")
				require.NoError(t, err)
				require.Empty(t, members)
				client.join("open", "")
				require.Equal(t, []string{"sync", "event presence:list", "event presence:join"}, client.kinds(), "the connection still works")
				client.cut()
				synctest.Wait()
				require.EqualValues(t, 1, left.Load(), "nobody leaves who has not joined")
				time.Sleep(time.Hour) // the deaf one ends
			})
		})
	}
}

func TestAJoinToAnUndeclaredStreamIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		c := socketDial(t, l)
		c.ask("join", "nots", "g", "i", "s")
		c.ask("leave", "nots", "g", "i", "s")
		require.Equal(t, []string{
			`{"streamName":"nots","groupId":"g","id":"i","event":{"type":"event","event":{"type":"error","data":{"message":"stream is not declared"}}}}`,
		}, c.texts())
		c.open()
	})
}

func TestOnJoinAndOnLeaveAreCalledOnceForEachRoomWithThePrincipal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := new(testkit.List[string])
		note := func(what string, j motia.StreamJoin) {
			calls.Add(fmt.Sprintf("%s %s/%s/%s %v", what, j.Stream, j.GroupID, j.ItemID, j.Principal))
		}
		app, l, _ := socketApp(t, motia.Options{StreamServer: motia.StreamServerOptions{Auth: authByToken}}, motia.StreamConfig{
			OnJoin: func(ctx context.Context, j motia.StreamJoin) error {
				note("join", j)
				if _, _, err := authUsers.Get(ctx, "ann"); err != nil {
					return err
				}
				return nil
			},
			OnLeave: func(ctx context.Context, j motia.StreamJoin) {
				note("leave", j)
				_, _ = authUsers.Set(ctx, "left", j.ItemID)
			},
		})
		c := socketDial(t, l)
		c.join("g", "")
		c.ask("join", "notes", "g", "", "second")
		c.join("g", "i")
		c.join("h", "")
		require.Equal(t, []string{"join notes/g/ query", "join notes/g/i query", "join notes/h/ query"}, calls.All())
		c.leave("g", "")
		c.leave("g", "i")
		c.leave("g", "i")
		c.leave("never", "")
		require.Equal(t, []string{"leave notes/g/i query"}, calls.All()[3:], "the second subscription of g is there")
		left, _, err := authUsers.Get(app.Context(t.Context()), "left")
		require.NoError(t, err)
		require.Equal(t, "i", left)
		c.ask("leave", "notes", "g", "", "second")
		require.Equal(t, []string{"leave notes/g/ query"}, calls.All()[4:])
		c.cut()
		synctest.Wait()
		require.Equal(t, []string{"leave notes/h/ query"}, calls.All()[5:])
	})
}

func TestAnOnLeaveThatPanicsOrHangsHarmsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := new(testkit.List[string])
		app, l, log := socketApp(t, limited(motia.StreamLimits{AuthTimeout: time.Second}), motia.StreamConfig{
			OnLeave: func(ctx context.Context, j motia.StreamJoin) {
				calls.Add(j.GroupID)
				if j.GroupID == "hangs" {
					<-ctx.Done()
				}
				panic("secret")
			},
		})
		c, other := socketDial(t, l), socketDial(t, l)
		c.join("panics", "")
		c.join("hangs", "")
		c.join("g", "")
		other.join("g", "")
		c.leave("panics", "")
		c.leave("hangs", "")
		time.Sleep(time.Minute)
		c.frames()
		other.frames()
		socketSet(t, app, "g", "i", `{}`)
		require.Equal(t, []string{"i create"}, c.kinds())
		require.Equal(t, []string{"i create"}, other.kinds())
		require.Equal(t, []string{"panics", "hangs"}, calls.All())
		require.Len(t, log.Records(t, "OnLeave failed"), 2)
	})
}

// A client that disconnects while OnJoin runs has joined and left, and leaves nothing behind.
func TestAClientThatVanishesInTheMiddleOfAJoinLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := new(testkit.List[string])
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{
			OnJoin:   func(context.Context, motia.StreamJoin) error { time.Sleep(time.Second); calls.Add("join"); return nil },
			OnLeave:  func(context.Context, motia.StreamJoin) { calls.Add("leave") },
			Presence: func(any) motia.Member { return motia.Member{ID: "x"} },
		})
		c := socketDial(t, l)
		c.join("g", "")
		c.cut()
		require.Empty(t, calls.All())
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"join", "leave"}, calls.All())
		members, err := testkit.Notes.Members(app.Context(t.Context()), "g")
		require.NoError(t, err)
		require.Empty(t, members)
	})
}

// The server reads no pongs while it waits for OnJoin: the client must not be cut off for that.
func TestASlowOnJoinDoesNotCostTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, _ := socketApp(t, limited(motia.StreamLimits{AuthTimeout: 5 * time.Minute}), motia.StreamConfig{
			OnJoin: func(context.Context, motia.StreamJoin) error { time.Sleep(3 * time.Minute); return nil },
		})
		l.Buffered = true
		c := socketDial(t, l)
		c.join("g", "")
		time.Sleep(4 * time.Minute)
		c.open()
		require.Equal(t, []string{"sync"}, c.kinds())
		time.Sleep(time.Hour)
		c.open()
	})
}
