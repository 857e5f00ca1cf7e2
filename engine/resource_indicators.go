package engine

import (
	"fmt"
	"slices"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// requestedResources reads the resource parameters of a request (RFC 8707,
// section 2). Each must be one that this server issues tokens for. A server
// without any resource does not know the parameter.
func (s *Server) requestedResources(f *form) (model.Resources, *Error) {
	if s.cfg.Resource == "" && len(s.cfg.Resources) == 0 {
		return "", nil
	}
	return s.knownResources(f.all("resource"))
}

// knownResources reads resource identifiers, each of which must be known.
func (s *Server) knownResources(values []string) (model.Resources, *Error) {
	if len(values) == 0 {
		return "", nil
	}
	resources, err := model.ParseResources(values...)
	if err != nil {
		return "", refuse(CodeInvalidTarget, "resource_malformed", "A resource must be an absolute URI without fragment.")
	}
	for _, r := range resources.List() {
		if r != s.cfg.Resource && !slices.Contains(s.cfg.Resources, r) {
			return "", refuse(CodeInvalidTarget, "resource_unknown", "There is no such resource.").
				because(fmt.Errorf("asked for %q, known are %q and Config.Resources %q", loggable(r), s.cfg.Resource, s.cfg.Resources))
		}
	}
	return resources, nil
}

// resourcesOf decides for which resources the token of a request is: those that
// it names, within those of its grant, or all of the grant.
func (s *Server) resourcesOf(req *TokenRequest, d *Decision) (model.Resources, *Error) {
	asked, err := s.requestedResources(&req.form)
	if err != nil || d.complete == nil {
		return asked, err
	}
	granted := d.complete.resources()
	switch {
	case asked == "":
		return granted, nil
	case !granted.Covers(asked):
		return "", refuse(CodeInvalidTarget, "resource_widened", "The resource is not one that was granted.").
			because(fmt.Errorf("asked for %q, granted was %q", asked, granted))
	}
	return asked, nil
}
