// Package kubespawner knows how KubeSpawner and the chart Zero to JupyterHub
// name the claims, labels and namespaces of servers, in every version since
// 2016. It is pure: names in, names out.
//
// A Scheme (version, template, slug scheme) is compiled into a Namer, which
// renders a Server's name. Nothing here ever takes a name apart to guess an
// owner: see package attribution.
package kubespawner
