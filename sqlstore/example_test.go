package sqlstore_test

import (
	"context"
	"database/sql"
	"log"
	"os"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

func open(ctx context.Context, dsn string) (*sqlstore.Store, error) {
	db, err := sql.Open("pgx", dsn) // import _ "github.com/jackc/pgx/v5/stdlib"
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	if err := sqlstore.Migrate(ctx, db, sqlstore.PostgreSQL, sqlstore.Options{}); err != nil {
		return nil, err
	}
	return sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
}

func Example() {
	ctx := context.Background()
	store, err := open(ctx, "postgres://app@db.example/app")
	if err != nil {
		log.Print(err)
		return
	}
	go model.SweepEvery(ctx, store, time.Minute, func(err error) { log.Print(err) })
	err = store.CreateClient(ctx, &model.Client{
		ID: "web", Name: "Web", Secrets: model.HashSecrets(os.Getenv("WEB_SECRET")),
		RedirectURIs: []string{"https://web.example/callback"}, Scope: "read write",
	})
	if err != nil {
		log.Print(err)
	}
}

// The migrations as text, for a database in which the application may not make tables.
func ExampleWriteMigrations() {
	if err := sqlstore.WriteMigrations(os.Stdout, sqlstore.MySQL, sqlstore.Options{Prefix: "auth_"}); err != nil {
		log.Print(err)
	}
}
