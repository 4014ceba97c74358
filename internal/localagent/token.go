package localagent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// claims are what an executor's token says about its bearer (contract 1.5).
type claims struct {
	FrameworkID string `json:"fid"`
	ExecutorID  string `json:"eid"`
	ContainerID string `json:"cid"`
}

const tokenHeader = `{"alg":"HS256","typ":"JWT"}`

// issueToken makes the JSON Web Token of one executor, signed by this agent.
func (a *Agent) issueToken(c claims) string {
	payload, err := json.Marshal(c)
	if err != nil {
		panic(err) // three strings always marshal
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(tokenHeader)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + base64.RawURLEncoding.EncodeToString(a.sign(signed))
}

func (a *Agent) sign(text string) []byte {
	mac := hmac.New(sha256.New, a.secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// bearer authenticates a request. Its refusals are 401, as RFC 6750 has them: without a token there is no error to name.
func (a *Agent) bearer(r *http.Request) (claims, *refusal) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return claims{}, unauthorized("")
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	switch {
	case !ok || strings.Contains(token, " "):
		return claims{}, unauthorized("Malformed 'Authorization' header")
	case scheme != "Bearer":
		return claims{}, unauthorized("Scheme '" + scheme + "' unsupported")
	}
	c, err := a.verify(token)
	if err != nil {
		return claims{}, unauthorized("Invalid JWT: " + err.Error())
	}
	return c, nil
}

func (a *Agent) verify(token string) (claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, fmt.Errorf("expected 3 components in token, got %d", len(parts))
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !hmac.Equal(signature, a.sign(parts[0]+"."+parts[1])) {
		return claims{}, errors.New("token signature does not match")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return claims{}, errors.New("payload is not base64")
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return claims{}, errors.New("payload is not JSON")
	}
	return c, nil
}

// unauthorized builds the refusal of a call that has not proved who it is from.
func unauthorized(description string) *refusal {
	challenge := `Bearer realm="mesos-agent-executor"`
	if description != "" {
		challenge += `, error="invalid_token", error_description="` + description + `"`
	}
	return &refusal{code: http.StatusUnauthorized, header: http.Header{"Www-Authenticate": {challenge}}}
}
