package cluster

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/trouble"
	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
)

// Clients work while an instance is killed, the database is killed and started again, and stands still for a while. What
// they were told stays true, they are told 5xx and no more meanwhile, and nothing but the killed instance has to be
// started again.
func TestOutages(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		server func(testing.TB, ...string) *testserver.Server
		pause  bool
	}{
		"PostgreSQL": {testserver.PostgreSQL, true},
		"MariaDB":    {testserver.MariaDB, true},
		"Redis":      {testserver.Redis, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := tt.server(t)
			o := &outage{cluster: start(t, server.Database(t)), server: server, noticed: make(chan struct{})}
			troubles := []func(<-chan struct{}){o.killInstance, o.killServer}
			if tt.pause {
				troubles = append(troubles, o.pauseServer)
			}
			o.run(1, troubles)
			o.restart(victim)
			o.look()
			o.check()
			o.wasNotInVain()
		})
	}
}

const (
	clients = 8
	calls   = 50 // of each client, more if not all troubles are over
	victim  = 1  // the instance that is killed
)

// An outage is a cluster under load, with what happens to it.
type outage struct {
	*cluster
	server  *testserver.Server
	dead    atomic.Bool   // the victim
	noticed chan struct{} // closed when a client found it dead
	once    sync.Once

	codes    chan string
	sessions atomic.Int32
	schedule *trouble.Schedule
}

func (o *outage) run(seed uint64, troubles []func(<-chan struct{})) {
	o.t.Helper()
	codes := o.cluster.codes(6 * clients)
	o.codes = make(chan string, len(codes))
	for _, code := range codes {
		o.codes <- code
	}
	o.schedule = trouble.New(clients, clients*calls, troubles...)
	var wg sync.WaitGroup
	wg.Go(o.schedule.Run)
	for i := range clients {
		wg.Go(func() {
			defer o.schedule.Leave()
			u := &user{outage: o, rand: rand.New(rand.NewPCG(seed, uint64(i)))}
			for u.made < calls || !o.schedule.Over() {
				u.step()
			}
		})
	}
	wg.Wait()
}

// A user is a client with one session at a time.
type user struct {
	*outage
	rand    *rand.Rand
	made    int
	session int
	access  []string // of the session
	refresh string   // empty: no session
}

// step does one of the things that clients do, until there is an answer.
func (u *user) step() {
	n := u.rand.IntN(100)
	switch {
	case u.refresh == "":
		u.begin()
	case n < 50:
		token := u.access[u.rand.IntN(len(u.access))]
		u.until(func(i int) Entry { return u.use(u.session, i, token) })
	case n < 94 || len(u.codes) == 0:
		token := u.refresh
		if e := u.until(func(i int) Entry { return u.cluster.refresh(u.session, i, token) }); e.Answer == Granted {
			u.access, u.refresh = append(u.access, e.Pair.Access), e.Pair.Refresh
		}
	default:
		token := u.refresh
		u.until(func(i int) Entry { return u.revoke(u.session, i, token) })
		u.refresh = ""
	}
}

// begin starts a session. A code whose answer was lost may be spent: then it is refused, and the client begins anew.
func (u *user) begin() {
	code, ok := <-u.codes
	if !ok {
		return
	}
	u.session = int(u.sessions.Add(1))
	if e := u.until(func(i int) Entry { return u.redeem(u.session, i, code) }); e.Answer == Granted {
		u.access, u.refresh = []string{e.Pair.Access}, e.Pair.Refresh
	}
}

// until asks one instance after the other until one answers. It waits while something is wrong.
func (u *user) until(ask func(instance int) Entry) (e Entry) {
	for tries := 0; ; tries++ {
		u.schedule.Call()
		u.made++
		e = ask(u.choose())
		if e.Answer == Lost && e.Instance == victim {
			u.dead.Store(true)
			u.once.Do(func() { close(u.noticed) })
			continue
		}
		if e.Answer != Lost && e.Answer != Failed || tries == 100 {
			return e
		}
		u.schedule.Wait()
	}
}

// choose is what a proxy does: it sends nothing to an instance that was found dead.
func (u *user) choose() int {
	i := u.rand.IntN(3)
	if i == victim && u.dead.Load() {
		i = 2 * u.rand.IntN(2)
	}
	return i
}

func (o *outage) killInstance(stalled <-chan struct{}) {
	o.instance(victim).Kill()
	select {
	case <-o.noticed:
	case <-stalled:
	}
}

func (o *outage) killServer(stalled <-chan struct{}) {
	o.server.Kill(o.t)
	<-stalled
	o.probe()
	o.server.Start(o.t)
	o.recovered()
}

func (o *outage) pauseServer(stalled <-chan struct{}) {
	o.server.Pause(o.t)
	<-stalled
	o.server.Resume(o.t)
	o.recovered()
}

// living are the instances that were not killed.
func (o *outage) living() []int {
	return slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == victim })
}

// probe asks every endpoint of the living instances while the database is away. Each says that it cannot, and no more.
func (o *outage) probe() {
	for _, i := range o.living() {
		for _, to := range []struct {
			method, path string
			form         url.Values
			token        string
		}{
			{http.MethodPost, "/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {strings.Repeat("a", 64)}, "redirect_uri": {o.RedirectURIs[0]}, "code_verifier": {o.verifier}}, ""},
			{http.MethodPost, "/oauth/revoke", url.Values{"token": {strings.Repeat("a", 64)}}, ""},
			{http.MethodPost, "/oauth/introspect", url.Values{"token": {strings.Repeat("a", 64)}}, ""},
			{http.MethodPost, "/oauth/device_authorization", url.Values{"scope": {"read"}}, ""},
			{http.MethodGet, "/oauth/authorize?response_type=code&client_id=web", nil, ""},
			{http.MethodGet, "/api/notes", nil, strings.Repeat("a", 64)},
			{http.MethodGet, "/healthz", nil, ""},
		} {
			e := o.send(i, to.method, to.path, to.form, to.token)
			assert.Equal(o.t, Failed, e.Answer, "%s: %d %s", to.path, e.Status, e.Body)
			for _, word := range internals {
				if word == "localhost" || strings.Contains(to.path, "authorize?") && word == "context" {
					continue
				}
				assert.NotContains(o.t, strings.ToLower(e.Body), word, to.path)
			}
		}
	}
}

// recovered returns when the living instances are healthy again, of themselves.
func (o *outage) recovered() {
	ctx, cancel := context.WithTimeout(o.t.Context(), 2*time.Minute)
	defer cancel()
	for _, i := range o.living() {
		for healthy := false; !healthy && ctx.Err() == nil; {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.instance(i).Addr()+"/healthz", nil)
			require.NoError(o.t, err)
			if res, err := o.http.Do(r); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				healthy = res.StatusCode == http.StatusOK
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	assert.NoError(o.t, ctx.Err(), "not recovered without a restart")
}

// look uses, at every instance, every access token that a client has received, and then refreshes each session.
func (o *outage) look() {
	sessions := map[int][]string{}
	last := map[int]string{}
	for _, e := range o.Entries() {
		if e.Pair != (Pair{}) && !slices.Contains(sessions[e.Session], e.Pair.Access) {
			sessions[e.Session] = append(sessions[e.Session], e.Pair.Access)
			last[e.Session] = e.Pair.Refresh
		}
	}
	for session, tokens := range sessions {
		for n, token := range tokens {
			o.use(session, n%3, token)
			if n == len(tokens)-1 {
				o.use(session, (n+1)%3, token)
				o.use(session, (n+2)%3, token)
			}
		}
		e := o.cluster.refresh(session, session%3, last[session])
		if e.Answer == Granted {
			o.use(session, (session+1)%3, e.Pair.Access)
		}
	}
}

// wasNotInVain says that there was something to be lost, and that only the killed instance lost an answer.
func (o *outage) wasNotInVain() {
	n := o.count()
	o.t.Log(n)
	for _, what := range []string{"redeem granted", "refresh granted", "refresh refused", "use granted", "use refused", "revoke granted"} {
		assert.NotZero(o.t, n[what], what)
	}
	failed := 0
	for _, e := range o.Entries() {
		switch e.Answer {
		case Lost:
			assert.Equal(o.t, victim, e.Instance, "an instance that lives gave no answer: %v", e)
		case Failed:
			failed++
		}
	}
	assert.GreaterOrEqual(o.t, failed, clients, "each client met the outage")
}
