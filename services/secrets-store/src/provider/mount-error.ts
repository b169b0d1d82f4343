import { RequestError } from '@holdfast/base';

/** Parameters of a class or a pod that the provider cannot work with. Texts are those of the Azure provider. */
export function invalidParameters(message: string, cause?: unknown): RequestError {
  return new RequestError('MOUNT_PARAMETERS_INVALID', message, {
    cause,
    action: 'Correct the SecretProviderClass, or the volume of the pod.',
  });
}

/** The prefix with which failures of one object are reported. */
export function aboutObject(object: {
  readonly objectType: string;
  readonly objectName: string;
  readonly objectVersion: string;
}): string {
  return `failed to get objectType:${object.objectType}, objectName:${object.objectName}, objectVersion:${object.objectVersion}`;
}
