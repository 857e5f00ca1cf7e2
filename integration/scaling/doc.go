// Package scaling measures the stores on real servers, set as in production: what each verb costs with few and with many
// live tokens, how many bytes a grant takes, and how many round trips a request makes. `make scaling` writes the result
// into docs/scaling.md.
//
//	LIVE=1000,100000 go test -run '^$' -bench 'Verbs/PostgreSQL' ./scaling
package scaling
