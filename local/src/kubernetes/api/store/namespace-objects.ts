import type { ObjectInput } from '../objects.ts';
import { defaultRoles } from './default-roles.ts';

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** What is there before anybody has made anything. */
export function firstObjects(): readonly ObjectInput[] {
  return [
    ...NAMESPACES.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'kubernetes',
        namespace: 'default',
        labels: { component: 'apiserver', provider: 'kubernetes' },
      },
      spec: { clusterIP: '10.0.0.1', ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 443 }] },
    },
    ...defaultRoles,
  ];
}

/** What every namespace gets. */
export function namespaceObjects(namespace: string, rootCertificate: string | undefined): readonly ObjectInput[] {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } };
  if (rootCertificate === undefined) return [account];
  const certificate = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kube-root-ca.crt', namespace },
    data: { 'ca.crt': rootCertificate },
  };
  return [account, certificate];
}
