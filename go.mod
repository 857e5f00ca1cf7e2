module github.com/gin-oauth/gin-oauth-server

go 1.25.0
