import { RequestError } from '@holdfast/base';

import type { SecretProviderClass } from './objects.ts';

/** NodePublishVolume of the Container Storage Interface, as far as this driver reads it. */
export interface PublishRequest {
  readonly volumeId?: string;
  readonly targetPath?: string;
  /** Anything: only its presence counts. */
  readonly volumeCapability?: unknown;
  readonly readonly?: boolean;
  /** `volumeAttributes` of the volume together with what kubelet says about the pod. */
  readonly volumeContext?: Readonly<Record<string, string>>;
  /** Content of nodePublishSecretRef; undefined when the volume names none. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Names of attributes that only kubelet sets. */
export const POD_PREFIX = 'csi.storage.k8s.io/';

const CHECKS: readonly (readonly [member: keyof PublishRequest, message: string])[] = [
  ['volumeCapability', 'Volume capability missing in request'],
  ['volumeId', 'Volume ID missing in request'],
  ['targetPath', 'Target path missing in request'],
  ['volumeContext', 'Volume attributes missing in request'],
];

/** A request with all that every mount needs. */
export interface CheckedRequest extends PublishRequest {
  readonly volumeId: string;
  readonly targetPath: string;
  readonly volumeContext: Readonly<Record<string, string>>;
}

/**
 * @throws RequestError MOUNT_REQUEST_INVALID, which gRPC calls InvalidArgument
 */
export function assertPublishRequest(request: PublishRequest): asserts request is CheckedRequest {
  for (const [member, message] of CHECKS) {
    const value = request[member];
    const isMissing = value === undefined || value === null || value === '';
    const isEmpty = member === 'volumeContext' && Object.keys(request.volumeContext ?? {}).length === 0;
    if (isMissing || isEmpty) throw new RequestError('MOUNT_REQUEST_INVALID', message);
  }
}

/** @throws RequestError MOUNT_REQUEST_INVALID */
export function assertReadOnly(request: PublishRequest): void {
  if (request.readonly !== true) throw new RequestError('MOUNT_REQUEST_INVALID', 'Readonly is not true in request');
}

/**
 * What the provider is told: the parameters of the class and what kubelet says about the pod.
 * @param compatible Lets all other attributes of the volume win over the class, as the driver does: whoever may write a pod may
 *   then read another vault with the rights of the class.
 */
export function mountAttributes(
  { spec }: Pick<SecretProviderClass, 'spec'>,
  volumeContext: Readonly<Record<string, string>>,
  compatible: boolean,
): Readonly<Record<string, string>> {
  const fromPod = Object.entries(volumeContext).filter(([name]) => compatible || name.startsWith(POD_PREFIX));
  return { ...spec?.parameters, ...Object.fromEntries(fromPod) };
}
