package doctor

import "testing"

func TestKernel(t *testing.T) {
	for release, want := range map[string]Status{
		"4.18.0-553.el8_10.x86_64": OK,
		"5.4.0-216-generic":        OK,
		"6.12.48+deb13-amd64":      OK,
		"10.0":                     OK,
		"4.15.0-213-generic":       Failed,
		"3.10.0-1160.el7.x86_64":   Failed,
		"mine":                     OK, // nothing is known against it
	} {
		if f := judgeKernel(release); f.Status != want || want == Failed && f.Advice == "" {
			t.Errorf("%s: %+v", release, f)
		}
	}
}
