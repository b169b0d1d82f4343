import type { Clock, RandomBytes } from '@holdfast/base';

import type { Events } from './events.ts';
import type { Management } from './management/management.ts';
import type { SigningKey } from './signing-key.ts';
import type { Trust } from './trust.ts';

/** The identity of a running instance, known once its address is. */
export interface Instance {
  /** `iss` of tokens, without a trailing slash. */
  readonly issuer: string;
  readonly signingKey: SigningKey;
}

/** What this instance makes of evidence that holds. */
export interface AppraisalSettings {
  /** Debug guests get a token that says so; otherwise they are refused. */
  readonly allowDebug: boolean;
  readonly policyBitClaims: boolean;
}

export interface AttestationContext {
  readonly trust: Trust;
  readonly settings: AppraisalSettings;
  readonly events: Events;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Asked per request: the issuer can be the listening address. */
  readonly instance: () => Instance;
  /** The management interface; not served when missing. */
  readonly management?: Management;
  /** PEM; plain http when missing. */
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
}
