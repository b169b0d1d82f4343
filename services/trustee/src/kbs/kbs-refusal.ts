import { RequestError } from '@holdfast/base';

const TYPE_PREFIX = 'https://github.com/confidential-containers/kbs/errors/';

/** Kinds of refusal that clients of the KBS protocol know. */
export type KbsVariant =
  | 'AdminAuthAccess'
  | 'AdminAuthInitialization'
  | 'AttestationError'
  | 'InvalidRequestPath'
  | 'JweError'
  | 'ParsePolicyError'
  | 'PluginInternalError'
  | 'PluginNotFound'
  | 'PolicyDeny'
  | 'PolicyEngineError'
  | 'RvpsError'
  | 'SerdeError'
  | 'TokenNotFound'
  | 'TokenVerifierError';

/** A refusal as the KBS protocol writes it: 404 for paths that lead nowhere, 401 for everything else. */
export class KbsRefusal extends RequestError {
  readonly variant: KbsVariant;
  readonly status: 401 | 404;

  constructor(variant: KbsVariant, detail: string, cause?: unknown) {
    super('KBS_REFUSED', detail, { cause, details: { variant } });
    this.variant = variant;
    this.status = variant === 'InvalidRequestPath' || variant === 'PluginNotFound' ? 404 : 401;
  }

  /** The body of the answer. */
  body(): string {
    return JSON.stringify({ type: `${TYPE_PREFIX}${this.variant}`, detail: this.message });
  }
}
