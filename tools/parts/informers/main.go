// The informers of client-go over one API server: what a controller believes.
//
// Each line on standard input asks for the state, which comes as one line of JSON; the end of input ends the program.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const errorsKept = 50

// What a line of output tells.
type state struct {
	Synced bool `json:"synced"`
	// "<uid> <version>" by "<namespace>/<name>" by resource.
	Stores map[string]map[string]string `json:"stores"`
	Events events                       `json:"events"`
	Errors []string                     `json:"errors"`
}

// What the handlers were told so far; a resync is an update to the version that was there.
type events struct {
	Added    int `json:"added"`
	Changed  int `json:"changed"`
	Resynced int `json:"resynced"`
	Deleted  int `json:"deleted"`
}

type observer struct {
	mutex     sync.Mutex
	events    events
	errors    []string
	informers map[string]cache.SharedIndexInformer
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "")
	namespace := flag.String("namespace", "", "empty: all")
	resync := flag.Duration("resync", 2*time.Second, "")
	flag.Parse()
	if err := run(*kubeconfig, *namespace, *resync, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(kubeconfig, namespace string, resync time.Duration, resources []string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	watching := &observer{informers: map[string]cache.SharedIndexInformer{}}
	if err := watching.prepare(config, namespace, resync, resources); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	for _, informer := range watching.informers {
		go informer.RunWithContext(ctx)
	}
	output := json.NewEncoder(os.Stdout)
	for questions := bufio.NewScanner(os.Stdin); questions.Scan(); {
		if err := output.Encode(watching.state()); err != nil {
			return err
		}
	}
	return nil
}

// Typed clients, which ask for protobuf first, for the kinds that client-go knows; the dynamic one for all others.
func (o *observer) prepare(config *rest.Config, namespace string, resync time.Duration, resources []string) error {
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	untyped, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	known := informers.NewSharedInformerFactoryWithOptions(typed, resync, informers.WithNamespace(namespace))
	others := dynamicinformer.NewFilteredDynamicSharedInformerFactory(untyped, resync, namespace, nil)
	for _, resource := range resources {
		place, err := parse(resource)
		if err != nil {
			return err
		}
		generic, err := known.ForResource(place)
		if err != nil {
			generic = others.ForResource(place)
		}
		if err := o.observe(resource, generic.Informer()); err != nil {
			return err
		}
	}
	return nil
}

// "<group>/<version>/<resource>", without the first part for the core group.
func parse(text string) (schema.GroupVersionResource, error) {
	parts := strings.Split(text, "/")
	switch len(parts) {
	case 2:
		return schema.GroupVersionResource{Version: parts[0], Resource: parts[1]}, nil
	case 3:
		return schema.GroupVersionResource{Group: parts[0], Version: parts[1], Resource: parts[2]}, nil
	}
	return schema.GroupVersionResource{}, fmt.Errorf("%q is not <group>/<version>/<resource>", text)
}

func (o *observer) observe(resource string, informer cache.SharedIndexInformer) error {
	o.informers[resource] = informer
	err := informer.SetWatchErrorHandler(func(_ *cache.Reflector, err error) {
		o.mutex.Lock()
		defer o.mutex.Unlock()
		if len(o.errors) < errorsKept {
			o.errors = append(o.errors, resource+": "+err.Error())
		}
	})
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { o.count(func(seen *events) { seen.Added++ }) },
		DeleteFunc: func(any) { o.count(func(seen *events) { seen.Deleted++ }) },
		UpdateFunc: func(before, after any) {
			if version(before) == version(after) {
				o.count(func(seen *events) { seen.Resynced++ })
			} else {
				o.count(func(seen *events) { seen.Changed++ })
			}
		},
	})
	return err
}

func (o *observer) count(add func(*events)) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	add(&o.events)
}

func (o *observer) state() state {
	now := state{Synced: true, Stores: map[string]map[string]string{}}
	for resource, informer := range o.informers {
		now.Synced = now.Synced && informer.HasSynced()
		held := map[string]string{}
		for _, object := range informer.GetStore().List() {
			if about, err := meta.Accessor(object); err == nil {
				held[about.GetNamespace()+"/"+about.GetName()] = string(about.GetUID()) + " " + about.GetResourceVersion()
			}
		}
		now.Stores[resource] = held
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	now.Events = o.events
	now.Errors = append([]string{}, o.errors...)
	return now
}

func version(object any) string {
	about, err := meta.Accessor(object)
	if err != nil {
		return ""
	}
	return about.GetResourceVersion()
}
