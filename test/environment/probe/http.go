package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"

	"mesos-docker-containerizer/test/environment/report"
)

func serveHTTP(args []string) error {
	flags := flag.NewFlagSet("http", flag.ContinueOnError)
	address := flags.String("bind", "", "address to listen on; all by default")
	directory := flags.String("directory", ".", "what to serve")
	secure := flags.Bool("tls", false, "serve HTTPS, with a certificate of nobody's that is long out of date")
	s := newStop(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("http: a port is needed")
	}
	return listenAndServe(s, *address, flags.Arg(0), *directory, *secure)
}

// python understands what `python3 [-u] -m http.server [--bind ADDRESS] [--directory DIRECTORY] [PORT]` would.
func python(args []string) error {
	flags := flag.NewFlagSet("python3", flag.ContinueOnError)
	flags.Bool("u", false, "do not buffer output, which is never done here")
	module := flags.String("m", "", "module; only http.server is known")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *module != "http.server" {
		return fmt.Errorf("this stand-in for python only knows `-m http.server`, not %q", args)
	}
	rest := flags.Args()
	flags = flag.NewFlagSet("http.server", flag.ContinueOnError)
	address := flags.String("bind", "", "")
	directory := flags.String("directory", ".", "")
	s := newStop(flags)
	if err := flags.Parse(rest); err != nil {
		return err
	}
	port := "8000"
	if flags.NArg() > 0 {
		port = flags.Arg(0)
		// Python takes flags behind the port, too.
		if err := flags.Parse(flags.Args()[1:]); err != nil {
			return err
		}
	}
	return listenAndServe(s, *address, port, *directory, false)
}

func listenAndServe(s *stop, address, port, directory string, secure bool) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, port))
	if err != nil {
		return err
	}
	if secure {
		certificate, err := selfSigned()
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(directory)))
	mux.HandleFunc("/probe/report", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(report.Collect(r.URL.Query()["path"])); err != nil {
			fmt.Println("sending the report:", err)
		}
	})
	logged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r)
		fmt.Printf("%s %s from %s\n", r.Method, r.URL, r.RemoteAddr)
	})
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(listener, logged) }()
	fmt.Printf("Serving HTTP on %s\n", listener.Addr())
	return s.wait(failed)
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
