// Package redisstore is a [model.Model] in Redis, Valkey or Redis Cluster.
package redisstore
