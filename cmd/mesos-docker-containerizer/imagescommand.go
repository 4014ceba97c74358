package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/words"
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/internal/agentflag"
)

const imagesUsage = `
Usage: mesos-docker-containerizer images [--all] [--json] [FLAG...]
       mesos-docker-containerizer images gc [--dry-run] [--json] [FLAG...]

Lists the images that the daemon on this host (the one on --run_dir) has pulled for tasks: when each was used last, what holds it,
and what the clean-up of images would do with it now. With --all it lists every image of the Docker Engine.

images gc has the daemon clean up now, by the same rules as it does by itself (image_gc_delay, image_gc_disk_threshold,
image_gc_exclude), and says what became of each image; with --dry-run it says what would. With image_gc_dry_run set, nothing is
ever removed. The rules are those of the running daemon.

Exit status: 0, 1 when the daemon cannot do it, 2 when a flag or setting is wrong, 3 when no daemon answers.
`

// imagesTimeout bounds the daemon's answer. Images of many gigabytes are removed file by file.
const imagesTimeout = 30 * time.Minute

// images asks the daemon for its images, or to clean up.
func images(own *flag.FlagSet) action {
	all := own.Bool("all", false, "also images that came to the host in another way")
	dryRun := own.Bool("dry-run", false, "with gc: only say what would be removed")
	asJSON := own.Bool("json", false, "one JSON object instead of a table")
	return func(t terminal, c *config.Config, arguments []string) error {
		collect := len(arguments) > 0 && arguments[0] == "gc"
		if collect {
			arguments = arguments[1:]
		}
		switch {
		case len(arguments) > 0:
			return withStatus(exitUsage, fmt.Errorf("unexpected argument %q", arguments[0]))
		case *dryRun && !collect:
			return withStatus(exitUsage, errors.New("--dry-run belongs to `images gc`"))
		}
		method, path := http.MethodGet, "/images"
		if collect && !*dryRun {
			method, path = http.MethodPost, "/images/gc"
		}
		var report image.Report
		if err := askDaemon(c, method, path, imagesTimeout, &report); err != nil {
			return err
		}
		if !*all && !collect {
			report.Images = slices.DeleteFunc(report.Images, func(j image.ScannedImage) bool { return j.Verdict == image.NotOurs })
		}
		if *asJSON {
			return json.NewEncoder(t.stdout).Encode(report)
		}
		return printImages(t.stdout, report, time.Now())
	}
}

// printImages writes a table and the rules that its last column follows from.
func printImages(w io.Writer, r image.Report, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "IMAGE\tSIZE\tLAST USE\tCLEAN-UP")
	for _, i := range r.Images {
		used := "-"
		switch {
		case i.Verdict == image.InUse, i.Verdict == image.BuiltOn, i.Verdict == image.Held:
			used = "now"
		case !i.LastUse.IsZero():
			used = units.HumanDuration(now.Sub(i.LastUse)) + " ago"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", cmp.Or(strings.Join(i.Names, " "), i.ID), units.HumanSize(float64(i.Size)), used, inWords(i, r))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", rules(r))
	return err
}

// verdictWords are for people. What they leave open is said by inWords.
var verdictWords = map[image.Verdict]string{
	image.NotOurs:        "stays: not pulled by this daemon, or has another name",
	image.InUse:          "stays: used by ",
	image.BuiltOn:        "stays: the base of ",
	image.Held:           "stays: a task is about to use it",
	image.Excluded:       "stays: image_gc_exclude",
	image.Off:            "stays: no clean-up",
	image.UnknownUse:     "stays: the Docker Engine does not say when it was used",
	image.TooYoung:       "stays: used of late",
	image.BelowThreshold: "stays: the disk has room",
	image.Due:            "would be removed",
	image.Removed:        "removed",
	image.Failed:         "not removed: ",
}

// inWords says what becomes of an image and why.
func inWords(i image.ScannedImage, r image.Report) string {
	text := verdictWords[i.Verdict]
	switch i.Verdict {
	case image.InUse, image.BuiltOn:
		if len(i.HeldBy) == 0 { // since the collection began
			return text + "a new container"
		}
		text += words.Some(i.HeldBy, 3)
	case image.Failed:
		text += i.Error
	case image.TooYoung:
		text += ", due " + i.LastUse.Add(r.Delay).Format(time.DateTime)
	}
	return text
}

// rules says what the clean-up goes by.
func rules(r image.Report) string {
	if r.Delay == 0 {
		return "The clean-up of images is off (image_gc_delay), and images that are pulled meanwhile are not listed as the daemon's."
	}
	text := fmt.Sprintf("Images go that were not used for %s", agentflag.FormatDuration(r.Delay))
	if r.Threshold > 0 {
		text += fmt.Sprintf(", the oldest first, while more than %.0f%% of the disk is in use", 100*r.Threshold)
	}
	return text + fmt.Sprintf("; it is %.0f%% now.", 100*r.DiskUse)
}
