const OPENSHIFT =
  'apiserver apiserver-operator authentication authentication-operator cloud-controller-manager ' +
  'cloud-controller-manager-operator cloud-credential-operator cloud-network-config-controller cluster-csi-drivers ' +
  'cluster-machine-approver cluster-node-tuning-operator cluster-samples-operator cluster-storage-operator ' +
  'cluster-version config config-managed config-operator console console-operator console-user-settings ' +
  'controller-manager controller-manager-operator dns dns-operator etcd etcd-operator host-network image-registry infra ' +
  'ingress ingress-canary ingress-operator insights kni-infra kube-apiserver kube-apiserver-operator ' +
  'kube-controller-manager kube-scheduler kube-scheduler-operator kube-storage-version-migrator ' +
  'kube-storage-version-migrator-operator machine-api machine-config-operator marketplace monitoring multus ' +
  'network-diagnostics network-operator node nutanix-infra oauth-apiserver openstack-infra ' +
  'operator-lifecycle-manager operators ovirt-infra ovn-kubernetes route-controller-manager service-ca ' +
  'service-ca-operator user-workload-monitoring vsphere-infra';

/**
 * Namespaces whose pods the webhook is never asked about, by exact name: a webhook that fails must not keep a cluster's own
 * pods from starting. Peer pods in them are not counted.
 */
export const excludedNamespaces: readonly string[] = [
  'peer-pods-webhook-system',
  'openshift-sandboxed-containers-operator',
  'openshift',
  'kube-system',
  'kube-node-lease',
  ...OPENSHIFT.split(' ').map((name) => `openshift-${name}`),
];
