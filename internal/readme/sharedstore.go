package main

import (
	"context"
	"database/sql"
	"log"
	"os"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// sharedStore is the README's store for more than one machine.
func sharedStore(ctx context.Context) model.Model {
	// shared store: begin
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL")) // any driver, or the pool that you have
	if err != nil {
		log.Fatal(err)
	}
	if err := sqlstore.Migrate(ctx, db, sqlstore.PostgreSQL, sqlstore.Options{}); err != nil {
		log.Fatal(err)
	}
	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	go model.SweepEvery(ctx, store, time.Minute, func(err error) { log.Print(err) })
	// shared store: end
	return store
}
