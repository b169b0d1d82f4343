import type { Clock, RandomBytes } from '@holdfast/base';
import type { Registry } from 'prom-client';

import type { AttestationService, BuiltInAttestation } from './appraisal/attestation-service.ts';
import type { PolicyStore } from './appraisal/policy-store.ts';
import type { Events } from './events.ts';
import type { Administrators } from './kbs/administrators.ts';
import type { Sessions } from './kbs/sessions.ts';
import type { TokenVerifier } from './kbs/token-verifier.ts';
import type { ReferenceValues } from './reference-values/reference-value-service.ts';
import type { KeyValueStore } from './storage/key-value-store.ts';

export interface TlsSettings {
  readonly key: string;
  readonly cert: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
  readonly ecdhCurve?: string;
}

/** Everything the key broker works with. */
export interface TrusteeContext {
  readonly sessions: Sessions;
  readonly attestation: AttestationService;
  /** The same, when it runs in this process: it can be offered to other brokers. */
  readonly builtIn: BuiltInAttestation | undefined;
  readonly references: ReferenceValues;
  readonly resourcePolicies: PolicyStore;
  /** Undefined when the configuration loads no resource plugin. */
  readonly resources: KeyValueStore | undefined;
  /** Whether the plugin that answers one text is loaded. */
  readonly samplePlugin: boolean;
  /** Whether policies and reference values can be changed through the attestation service's own interfaces. */
  readonly attestationApiWrites: boolean;
  readonly verifyToken: TokenVerifier;
  readonly administrators: Administrators;
  readonly events: Events;
  readonly metrics: Registry;
  readonly random: RandomBytes;
  readonly clock: Clock;
  readonly bodyLimitBytes: number;
  readonly tls: TlsSettings | undefined;
  /** Ends connections to the outside. */
  close(): void;
}
