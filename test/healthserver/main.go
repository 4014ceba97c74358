// Command healthserver is what the tests probe in containers.
//
//	healthserver [-http ADDRESS] [-https ADDRESS]
//
// "eth0" as the host of an address stands for the container's address outside.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	plain := flag.String("http", "", "")
	secure := flag.String("https", "", "")
	flag.Parse()
	failed := make(chan error, 2)
	handler := routes()
	if *plain != "" {
		go func() { failed <- http.Serve(listen(*plain), handler) }()
	}
	if *secure != "" {
		go func() { failed <- http.Serve(tls.NewListener(listen(*secure), selfSigned()), handler) }()
	}
	log.Fatal(<-failed)
}

func listen(address string) net.Listener {
	if port, ok := strings.CutPrefix(address, "eth0:"); ok {
		address = net.JoinHostPort(outside(), port)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	return l
}

func outside() string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	log.Fatal("no address outside")
	return ""
}

func selfSigned() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)} // expired, of nobody
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(number(r.PathValue("code"))) })
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/hops/{left}", func(w http.ResponseWriter, r *http.Request) {
		if left := number(r.PathValue("left")); left > 0 {
			http.Redirect(w, r, fmt.Sprintf("/hops/%d", left-1), http.StatusFound)
		}
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/header/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", number(r.PathValue("bytes"))))
	})
	mux.HandleFunc("/early/{interim}", func(w http.ResponseWriter, r *http.Request) {
		for range number(r.PathValue("interim")) {
			w.WriteHeader(http.StatusEarlyHints)
		}
	})
	mux.HandleFunc("/late", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for err := error(nil); err == nil; {
			_, err = w.Write(make([]byte, 4096))
		}
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "100") })
	mux.HandleFunc("/stuck", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(0) })
	mux.HandleFunc("/seen", func(w http.ResponseWriter, r *http.Request) {
		if r.Proto != "HTTP/1.1" || r.UserAgent() == "" || r.Method != http.MethodGet {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	mux.HandleFunc("/host/{want}", func(w http.ResponseWriter, r *http.Request) {
		if r.Host != r.PathValue("want") {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	return mux
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return n
}
