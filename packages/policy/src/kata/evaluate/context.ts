import type { KataContainer, KataPolicyData } from '../policy-data.ts';
import type { KataPatterns, RequestNames } from './patterns.ts';
import type { CreateContainerRequest } from './request.ts';

/** A container request beside one container of the policy. */
export interface CreateContext {
  readonly policy: KataPolicyData;
  readonly container: KataContainer;
  readonly request: CreateContainerRequest;
  readonly names: RequestNames;
  readonly patterns: KataPatterns;
}

export const annotationKeys = {
  bundlePath: 'io.katacontainers.pkg.oci.bundle_path',
  kataType: 'io.katacontainers.pkg.oci.container_type',
  containerName: 'io.kubernetes.cri.container-name',
  containerType: 'io.kubernetes.cri.container-type',
  logDirectory: 'io.kubernetes.cri.sandbox-log-directory',
  networkNamespace: 'nerdctl/network-namespace',
  sandboxId: 'io.kubernetes.cri.sandbox-id',
  sandboxName: 'io.kubernetes.cri.sandbox-name',
  sandboxNamespace: 'io.kubernetes.cri.sandbox-namespace',
} as const;

/** Name of a container of a policy, for messages. */
export function containerName(container: KataContainer): string {
  return container.OCI.Annotations?.[annotationKeys.containerName] ?? 'pause';
}
