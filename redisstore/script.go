package redisstore

import (
	"context"
	"embed"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/gin-oauth/gin-oauth-server/model"
)

//go:embed lua/*.lua
var files embed.FS

// script is a writing verb. It runs as a whole or not at all: it checks everything
// before it writes, because a script that fails midway keeps what it wrote. Redis
// runs one at a time, so there is no window between deciding and writing, and
// nothing in which a test could pause a verb (modeltest.Pauser).
type script struct{ source, digest string }

// scripts are all of them.
type scripts struct {
	index                               script
	codeSave, codeRedeem                script
	tokenSave, tokenRotate, tokenRevoke script
	grantRevoke, clientUpdate           script
	consentAdd, consentDelete           script
	limitTake                           script

	deviceReserve, deviceRelease, deviceSave             script
	deviceDecide, devicePoll, deviceRedeem, deviceRevoke script
}

func loadScripts() (*scripts, error) {
	common, err := files.ReadFile("lua/common.lua")
	if err != nil {
		return nil, err
	}
	var s scripts
	for name, to := range s.byName() {
		source, err := files.ReadFile("lua/" + name + ".lua")
		if err != nil {
			return nil, err
		}
		to.source = string(common) + string(source)
		to.digest = redis.NewScript(to.source).Hash()
	}
	return &s, nil
}

// byName returns the scripts by the names of their files.
func (s *scripts) byName() map[string]*script {
	return map[string]*script{
		"index":     &s.index,
		"code_save": &s.codeSave, "code_redeem": &s.codeRedeem,
		"token_save": &s.tokenSave, "token_rotate": &s.tokenRotate, "token_revoke": &s.tokenRevoke,
		"grant_revoke": &s.grantRevoke, "client_update": &s.clientUpdate,
		"consent_add": &s.consentAdd, "consent_delete": &s.consentDelete,
		"limit_take":     &s.limitTake,
		"device_reserve": &s.deviceReserve, "device_release": &s.deviceRelease, "device_save": &s.deviceSave,
		"device_decide": &s.deviceDecide, "device_poll": &s.devicePoll, "device_redeem": &s.deviceRedeem, "device_revoke": &s.deviceRevoke,
	}
}

// load makes the server know the scripts. A server that forgets them, by a restart,
// a failover or SCRIPT FLUSH, is sent each again when it is needed.
func (s *scripts) load(ctx context.Context, c *redis.Client) error {
	_, err := c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, script := range s.byName() {
			pipe.ScriptLoad(ctx, script.source)
		}
		return nil
	})
	return err
}

// once is a command that is sent at most once, whatever the client's options say.
// go-redis sends a command again when its answer was lost, and the second answer
// to a redemption that had won would be that the code is spent. The caller gets
// the fault instead, and looks whether its own token is there.
type once struct{ *redis.Cmd }

// NoRetry implements [redis.Cmder].
func (once) NoRetry() bool { return true }

// call is a script with what it is given.
type call struct {
	script *script
	keys   []string
	args   []any
}

// command returns the call by the digest of its script, or with all of it.
func (c *call) command(ctx context.Context, whole bool) once {
	args := make([]any, 0, 3+len(c.keys)+len(c.args))
	if whole {
		args = append(args, "eval", c.script.source, len(c.keys))
	} else {
		args = append(args, "evalsha", c.script.digest, len(c.keys))
	}
	for _, key := range c.keys {
		args = append(args, key)
	}
	cmd := redis.NewCmd(ctx, append(args, c.args...)...)
	cmd.SetFirstKeyPos(3)
	return once{cmd}
}

// run runs one script. A server that does not know it is sent the whole of it. This
// is what [redis.Script.Run] does, with commands that are sent once.
func (s *Store) run(ctx context.Context, c *call) (*redis.Cmd, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd := c.command(ctx, false)
	err := s.client.Process(ctx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		cmd = c.command(ctx, true)
		err = s.client.Process(ctx, cmd)
	}
	return cmd.Cmd, err
}

// runAll runs several calls in one round trip to each server that they concern.
func (s *Store) runAll(ctx context.Context, calls []call) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmds := make([]once, len(calls))
	pipe := s.client.Pipeline()
	for i := range calls {
		cmds[i] = calls[i].command(ctx, false)
		if err := pipe.Process(ctx, cmds[i]); err != nil {
			return nil, err
		}
	}
	_, _ = pipe.Exec(ctx) // the first error of the commands, which are looked at below
	results := make([]string, len(calls))
	for i, cmd := range cmds {
		var err error
		if results[i], err = cmd.Text(); redis.HasErrorPrefix(err, "NOSCRIPT") {
			results[i], err = s.status(ctx, &calls[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

// status runs a script that answers with a word.
func (s *Store) status(ctx context.Context, c *call) (string, error) {
	cmd, err := s.run(ctx, c)
	if err != nil {
		return "", err
	}
	return cmd.Text()
}

// verb runs a script and returns what its answer means.
func (s *Store) verb(ctx context.Context, what string, c *call) error {
	status, err := s.status(ctx, c)
	if err != nil {
		return fault(what, err)
	}
	switch status {
	case "ok":
		return nil
	case "not found":
		return model.ErrNotFound
	case "revoked":
		return model.ErrRevoked
	case "spent":
		return model.ErrSpent
	case "exists":
		return model.ErrExists
	case "duplicate":
		return errDuplicate
	}
	return fault(what, fmt.Errorf("the script answered %q", status))
}

func fault(what string, err error) error {
	return fmt.Errorf("redisstore: %s: %w", what, err)
}
